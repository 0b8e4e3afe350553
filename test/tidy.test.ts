// The house rules, held: who may import whom (docs: ARCHITECTURE.md), sizes, words that must not stand in the tree.
// Reads every source file with the TypeScript parser; runs nothing of the program.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const FILE_LINES_MAX = 800;
const FUNCTION_LINES_MAX = 70;
const PURPOSE_LINES_MAX = 5;

/** Functions that are longer than they should be: how long they may stay. A row is shortened or removed, never added lightly. */
const RATCHET: Readonly<Record<string, number>> = {
  // One switch over the states of a frame's bytes; cut into functions it would store its locals at every call.
  'src/websocket/frame-scanner.ts:run': 82,
};

interface Room {
  /** Rooms (or single files of one) of which values and types may be imported; its own is always allowed. */
  readonly values: readonly string[];
  /** Rooms of which only types may be imported (`import type`). */
  readonly types: readonly string[];
}

/** What the program calls itself: a leaf that everybody may name. */
const VERSION = 'version.ts';
const FLOORS = [
  'base',
  'config',
  'http',
  'websocket',
  'balance',
  'plan',
  'modules',
  'io',
  'observe',
  'proxy',
];
const ALL = [...FLOORS, VERSION, 'supervisor', 'admin', 'cli', 'index.ts'];

/** Who may import whom. A row is a room of src/, or one file that has rules of its own. */
const ROOMS: Readonly<Record<string, Room>> = {
  base: { values: [], types: [] },
  [VERSION]: { values: [], types: [] },
  config: { values: ['base'], types: [] },
  modules: {
    // ports.ts declares what the world gives; its one value tells a file's error from a file.
    values: ['base', 'config', 'http', 'websocket', 'balance', 'proxy/ports.ts'],
    types: ['plan', 'proxy', 'observe'],
  },
  // A variable is a function over the exchange, and an upstream (one made for a host in proxy_pass, too) is what balance/ says it is.
  plan: { values: ['base', 'config', 'balance/upstream.ts'], types: ['modules', 'proxy', 'balance'] },
  http: { values: ['base'], types: [] },
  websocket: { values: ['base'], types: [] },
  balance: { values: ['base'], types: ['plan'] },
  proxy: {
    // engine.ts is the interface: its one value is the number that `send` answers with.
    values: ['base', 'config', 'plan', 'http', 'websocket', 'balance', 'io/engine.ts'],
    types: ['modules', 'io', 'observe'],
  },
  io: { values: ['base'], types: [] },
  supervisor: { values: [...FLOORS, VERSION], types: [] },
  observe: { values: ['base'], types: ['plan'] },
  admin: { values: ['observe', 'plan'], types: ['supervisor'] },
  cli: { values: ALL, types: [] },
  'index.ts': { values: ALL, types: [] },
};

/** Rooms that are given what they need of the world: no `node:*`, no clock, no chance. */
const PURE = ['config/', 'modules/', 'plan/', 'http/', 'websocket/', 'balance/', 'proxy/exchange.ts'];
/** Where bytes are walked and an index is known to be good, `!` is allowed. */
const NON_NULL_ALLOWED = ['http/', 'websocket/', 'io/', 'balance/', 'proxy/tunnel.ts'];
const WORDS_NOT_USED = [
  'backend',
  'session',
  'manager',
  'util',
  'utils',
  'helper',
  'helpers',
  'common',
  'data',
  'info',
];

interface SourceText {
  /** Relative to the root, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

const CODE_FOLDERS = ['src', 'test', 'scripts', 'examples', 'bench'];
const sources: readonly SourceText[] = CODE_FOLDERS.flatMap((folder) => filesUnder(join(ROOT, folder)))
  .filter((path) => /\.(ts|mjs)$/.test(path))
  .map((path) => parsed(path));
const inSrc = sources.filter((source) => source.path.startsWith('src/'));
const program = inSrc.filter((source) => !isTest(source));

describe('the import table', () => {
  it('has a row for every room of src/', () => {
    const rooms = new Set(program.map((source) => roomOf(source.path)));
    expect([...rooms].filter((room) => ROOMS[room] === undefined)).toEqual([]);
  });

  it('is kept by every import', () => {
    expect(program.flatMap(forbiddenImports)).toEqual([]);
  });

  it('keeps node:* out of the pure rooms', () => {
    const pure = program.filter((source) => startsWithAny(source.path.slice('src/'.length), PURE));
    const named = pure.flatMap((source) =>
      importsOf(source)
        .filter((found) => found.target.startsWith('node:'))
        .map((found) => `${source.path}:${found.line} imports ${found.target}`),
    );
    expect(named).toEqual([]);
  });

  it('keeps EventEmitter to the public face', () => {
    const named = program
      .filter((source) => source.path !== 'src/index.ts')
      .flatMap((source) =>
        importsOf(source)
          .filter((found) => found.target === 'node:events')
          .map((found) => `${source.path}:${found.line}`),
      );
    expect(named).toEqual([]);
  });
});

describe('every file', () => {
  it('opens with its purpose in one to five lines, unless it is the test of the file beside it', () => {
    expect(
      sources
        .filter((source) => !opensWithPurpose(source.text) && !isTestBeside(source))
        .map((source) => source.path),
    ).toEqual([]);
  });

  it(`has at most ${FILE_LINES_MAX} lines`, () => {
    const long = sources.filter((source) => source.text.split('\n').length - 1 > FILE_LINES_MAX);
    expect(long.map((source) => source.path)).toEqual([]);
  });

  it('is named in kebab-case, by a word that says something', () => {
    const bad = sources.filter((source) => !wellNamed(source.path)).map((source) => source.path);
    expect(bad).toEqual([]);
  });

  it('exports by name, and functions as functions', () => {
    expect(sources.flatMap(badExports)).toEqual([]);
  });

  it('has `!` only where bytes are walked', () => {
    const strict = program.filter(
      (source) => !startsWithAny(source.path.slice('src/'.length), NON_NULL_ALLOWED),
    );
    const found = strict.flatMap((source) =>
      nodesOf(source.tree, ts.isNonNullExpression).map((node) => `${source.path}:${lineOf(source, node)}`),
    );
    expect(found).toEqual([]);
  });

  it('takes chance only from a seed', () => {
    const needle = ['Math', 'random'].join('.');
    expect(linesWith(inSrc, (line) => line.includes(needle))).toEqual([]);
  });

  it('leaves nothing for later and switches no test off', () => {
    const words = ['TO', 'FIX'].map((start) => `${start}${start === 'TO' ? 'DO' : 'ME'}`).join('|');
    const later = new RegExp(`(^|\\s)(//|/\\*|\\*)\\s.*\\b(${words})\\b`);
    const off = new RegExp(
      `\\b(it|test|describe)\\.(${['skip', 'only', 'todo', 'fails'].join('|')})\\b\\s*[.(]`,
    );
    expect(linesWith(sources, (line) => later.test(line) || off.test(line))).toEqual([]);
  });
});

describe('every function', () => {
  const measured = sources.flatMap(functionsOf);

  it(`has at most ${FUNCTION_LINES_MAX} lines, or stands in the ratchet`, () => {
    const long = measured.filter((found) => found.lines > (RATCHET[found.name] ?? FUNCTION_LINES_MAX));
    expect(long.map((found) => `${found.name}: ${found.lines} lines`)).toEqual([]);
  });

  it('leaves the ratchet when it has been shortened', () => {
    const stale = Object.entries(RATCHET).filter(
      ([name, lines]) => !measured.some((found) => found.name === name && found.lines === lines),
    );
    expect(stale).toEqual([]);
  });
});

describe('the tree', () => {
  it('names no path of the machine on which it was written', () => {
    const places = ['work', 'farm', 'opt/ref'].map((place) => `/${place}/`);
    const library = ['.lib', 'rary'].join('');
    const texts = filesUnder(ROOT).filter((path) => !/\.(png|jpg|ico|woff2|tgz)$/.test(path));
    const found = texts.filter((path) => {
      const text = readFileSync(path, 'utf8');
      return (
        places.some((place) => new RegExp(`(^|[\\s"'\`(=:])${place}`, 'm').test(text)) ||
        text.includes(library)
      );
    });
    expect(found.map((path) => relative(ROOT, path))).toEqual([]);
  });

  it('records no download address in the lock file', () => {
    expect(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).not.toContain('"resolved": "http');
  });
});

function filesUnder(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const left = new Set(['node_modules', '.git', 'dist', 'coverage']);
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !left.has(entry.name))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return filesUnder(path);
      return entry.isFile() ? [path] : [];
    });
}

function parsed(path: string): SourceText {
  const text = readFileSync(path, 'utf8');
  const named = relative(ROOT, path).replaceAll('\\', '/');
  return { path: named, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true) };
}

function isTest(source: SourceText): boolean {
  return source.path.endsWith('.test.ts');
}

/** head.test.ts beside head.ts */
function isTestBeside(source: SourceText): boolean {
  return isTest(source) && existsSync(join(ROOT, source.path.replace(/\.test\.ts$/, '.ts')));
}

/** "src/proxy/tunnel.ts" → "proxy"; "src/index.ts" → "index.ts". */
function roomOf(path: string): string {
  return path.split('/')[1] ?? '';
}

function startsWithAny(path: string, starts: readonly string[]): boolean {
  return starts.some((start) => path.startsWith(start));
}

interface Import {
  readonly target: string;
  readonly typesOnly: boolean;
  readonly line: number;
}

function importsOf(source: SourceText): Import[] {
  const found: Import[] = [];
  for (const statement of source.tree.statements) {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) continue;
    const specifier = statement.moduleSpecifier;
    if (specifier === undefined || !ts.isStringLiteral(specifier)) continue;
    found.push({
      target: specifier.text,
      typesOnly: isTypesOnly(statement),
      line: lineOf(source, statement),
    });
  }
  for (const call of nodesOf(source.tree, ts.isCallExpression)) {
    const argument = call.arguments[0];
    if (call.expression.kind !== ts.SyntaxKind.ImportKeyword || argument === undefined) continue;
    if (ts.isStringLiteral(argument)) {
      found.push({ target: argument.text, typesOnly: false, line: lineOf(source, call) });
    }
  }
  return found;
}

/** `import type …`, or braces in which every name is marked `type`. */
function isTypesOnly(statement: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(statement)) return statement.isTypeOnly;
  const clause = statement.importClause;
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const bindings = clause.namedBindings;
  if (clause.name !== undefined || bindings === undefined || !ts.isNamedImports(bindings)) return false;
  return bindings.elements.length > 0 && bindings.elements.every((element) => element.isTypeOnly);
}

function forbiddenImports(source: SourceText): string[] {
  const room = roomOf(source.path);
  const allowed = ROOMS[room];
  if (allowed === undefined) return [];
  return importsOf(source).flatMap((found) => {
    if (!found.target.startsWith('.')) return [];
    const path = join(dirname(source.path), found.target).replaceAll('\\', '/');
    const target = roomOf(path);
    const named = allowed.values.includes(target) || allowed.values.includes(path.slice('src/'.length));
    if (target === room || named) return [];
    if (allowed.types.includes(target)) {
      return found.typesOnly
        ? []
        : [`${source.path}:${found.line} imports values of ${target}, of which it may have types only`];
    }
    return [`${source.path}:${found.line} imports ${target}`];
  });
}

function opensWithPurpose(text: string): boolean {
  const lines = text.split('\n');
  if (lines[0]?.startsWith('#!')) lines.shift();
  const end = lines.findIndex((line) => !line.startsWith('//'));
  return end >= 1 && end <= PURPOSE_LINES_MAX;
}

function wellNamed(path: string): boolean {
  const name = (path.split('/').at(-1) ?? '').replace(/(\.test)?\.(ts|mjs)$/, '');
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) return false;
  return !name.split('-').some((word) => WORDS_NOT_USED.includes(word));
}

function badExports(source: SourceText): string[] {
  const at = (node: ts.Node, what: string): string => `${source.path}:${lineOf(source, node)} ${what}`;
  return source.tree.statements.flatMap((statement) => {
    const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
    const has = (kind: ts.SyntaxKind): boolean => modifiers.some((modifier) => modifier.kind === kind);
    if (ts.isExportAssignment(statement) || has(ts.SyntaxKind.DefaultKeyword))
      return [at(statement, 'exports a default')];
    if (!ts.isVariableStatement(statement) || !has(ts.SyntaxKind.ExportKeyword)) return [];
    return statement.declarationList.declarations
      .filter(
        (declaration) => declaration.initializer !== undefined && ts.isArrowFunction(declaration.initializer),
      )
      .map((declaration) => at(declaration, `exports an arrow function, ${declaration.name.getText()}`));
  });
}

interface Measured {
  /** "src/proxy/exchange.ts:fail" */
  readonly name: string;
  readonly lines: number;
}

function functionsOf(source: SourceText): Measured[] {
  return nodesOf(source.tree, isFunctionWithBody)
    .filter((node) => !isSuite(node))
    .map((node) => ({
      name: `${source.path}:${functionName(node)}`,
      lines: source.tree.getLineAndCharacterOfPosition(node.end).line + 2 - lineOf(source, node),
    }));
}

function isFunctionWithBody(node: ts.Node): node is ts.FunctionLikeDeclaration {
  return ts.isFunctionLike(node) && 'body' in node && node.body !== undefined;
}

/** The body of a `describe` is a list of tests and no function to be read at once. */
function isSuite(node: ts.Node): boolean {
  const call = node.parent;
  return ts.isCallExpression(call) && /^(describe|engineCases)\b/.test(call.expression.getText());
}

function functionName(node: ts.FunctionLikeDeclaration): string {
  if (node.name !== undefined) return node.name.getText();
  if (ts.isConstructorDeclaration(node)) return 'constructor';
  const parent = node.parent;
  if (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent)) return parent.name.getText();
  if (ts.isCallExpression(parent)) return `${parent.expression.getText()}(…)`;
  return 'anonymous';
}

function nodesOf<T extends ts.Node>(root: ts.Node, wanted: (node: ts.Node) => node is T): T[] {
  const found: T[] = [];
  const walk = (node: ts.Node): void => {
    if (wanted(node)) found.push(node);
    ts.forEachChild(node, walk);
  };
  walk(root);
  return found;
}

function lineOf(source: SourceText, node: ts.Node): number {
  return source.tree.getLineAndCharacterOfPosition(node.getStart()).line + 1;
}

function linesWith(texts: readonly SourceText[], matches: (line: string) => boolean): string[] {
  return texts.flatMap((source) =>
    source.text
      .split('\n')
      .flatMap((line, index) => (matches(line) ? [`${source.path}:${index + 1} ${line.trim()}`] : [])),
  );
}
