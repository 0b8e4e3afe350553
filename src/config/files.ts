// The port by which the configuration asks for files, and what needs no disk behind it: globs as glob(3) and files in memory.

export interface FileFailure {
  /** `ENOENT`, `EISDIR`, … */
  readonly code: string;
  readonly errno: number;
  /** As strerror() has it: `No such file or directory`. */
  readonly text: string;
}

export interface ConfigFiles {
  /** The file's bytes as a byte string. */
  read(path: string): string | FileFailure;
  /** The paths that match, sorted; none is no mistake. `expandGlob` does it over a folder listing. */
  glob(pattern: string): readonly string[];
}

/** nginx's words for a file that cannot be read: a folder can be opened, but not read. */
export function failureMessage(path: string, failure: FileFailure): string {
  const call = failure.code === 'EISDIR' ? 'pread()' : 'open()';
  return `${call} "${path}" failed (${failure.errno}: ${failure.text})`;
}

/** As ngx_conf_include(): a path with one of these is a glob. */
export function isGlob(path: string): boolean {
  return /[*?[]/.test(path);
}

/** The paths that match `pattern`, sorted by byte. `list` gives the names in a folder, undefined where it is none. */
export function expandGlob(
  pattern: string,
  list: (folder: string) => readonly string[] | undefined,
): string[] {
  const segments = pattern.split('/');
  let found: string[] = [pattern.startsWith('/') ? '/' : ''];
  segments.forEach((segment, i) => {
    const isLast = i === segments.length - 1;
    if (segment === '') {
      // A slash at the end: folders alone.
      if (isLast) found = found.filter((folder) => list(folder) !== undefined);
      return;
    }
    const next: string[] = [];
    for (const folder of found) {
      if (!isLast && !isGlob(segment)) {
        next.push(`${folder}${unescapeGlob(segment)}/`);
        continue;
      }
      const matches = globMatcher(segment);
      for (const name of list(folder === '' ? '.' : folder) ?? []) {
        if (matches(name)) next.push(isLast ? folder + name : `${folder}${name}/`);
      }
    }
    found = next;
  });
  return found.sort((a, b) => (a < b ? -1 : 1));
}

/** Files that exist in memory alone: `/conf/nginx.conf` → its text. */
export function memoryFiles(files: Readonly<Record<string, string>>): ConfigFiles {
  const paths = Object.keys(files);
  const list = (folder: string): string[] | undefined => {
    const under = folder.endsWith('/') ? folder : `${folder}/`;
    const names = paths.filter((path) => path.startsWith(under)).map((path) => path.slice(under.length));
    return names.length === 0 ? undefined : [...new Set(names.map((name) => name.split('/')[0] ?? ''))];
  };
  return {
    read: (path) =>
      Object.hasOwn(files, path)
        ? (files[path] ?? '')
        : { code: 'ENOENT', errno: 2, text: 'No such file or directory' },
    glob: (pattern) => expandGlob(pattern, list),
  };
}

/** fnmatch(3) for one name: `*`, `?`, `[…]`, `\` before a char; a leading dot is matched by a dot only. */
function globMatcher(segment: string): (name: string) => boolean {
  const source = segment.replace(
    /\\(.)|\*|\?|\[([!^]?)(\]?(?:\[:[a-z]+:\]|[^\]])*)\]|./gs,
    (token, escaped, not, set) => {
      if (escaped !== undefined) return literal(escaped);
      if (token === '*') return '[^]*';
      if (token === '?') return '[^]';
      if (set !== undefined) return `[${not ? '^' : ''}${setOf(set)}]`;
      return literal(token);
    },
  );
  let matcher: RegExp;
  try {
    matcher = new RegExp(`^${source}$`);
  } catch {
    return () => false; // a range out of order matches nothing
  }
  const dotted = segment.startsWith('.') || segment.startsWith('\\.');
  return (name) => (dotted || !name.startsWith('.')) && matcher.test(name);
}

const CLASSES: Readonly<Record<string, string>> = {
  alpha: 'A-Za-z',
  digit: '0-9',
  alnum: '0-9A-Za-z',
  upper: 'A-Z',
  lower: 'a-z',
  xdigit: '0-9A-Fa-f',
};

function setOf(set: string): string {
  return set.replace(/\[:([a-z]+):\]|[\\\]^[]/g, (token, name: string | undefined) =>
    name === undefined ? `\\${token}` : (CLASSES[name] ?? ''),
  );
}

function literal(char: string): string {
  return /\w/.test(char) ? char : `\\${char}`;
}

function unescapeGlob(segment: string): string {
  return segment.replace(/\\(.)/gs, '$1');
}
