// `npm run conformance -- SUITE_DIR [LIST|FILE.t …] [--verbose]`: files of nginx's own test suite against bin/holdfast.
// As root in namespaces of its own. HOLDFAST_BINARY takes another program's place. The last line is the figure.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BINARY = resolve(process.env.HOLDFAST_BINARY ?? join(ROOT, 'bin', 'holdfast'));
const LISTS = join(ROOT, 'test', 'conformance');
/** What a file has still to say when it has ended. */
const LAST_OUTPUT_MS = 100;
const FILE_SECONDS_MAX = '150';
const ISOLATED = 'HOLDFAST_ISOLATED';

interface Result {
  readonly file: string;
  /** "ok", or why it does not count. */
  readonly state: string;
  readonly held: number;
  readonly missed: number;
  readonly output: string;
}

const verbose = process.argv.includes('--verbose');
const [suite, ...wanted] = process.argv.slice(2).filter((argument) => argument !== '--verbose');
if (suite === undefined) {
  console.error('usage: npm run conformance -- SUITE_DIR [LIST|FILE.t …] [--verbose]');
  process.exitCode = 2;
} else if (process.getuid?.() === 0 && process.env[ISOLATED] === undefined) {
  process.exitCode = isolated();
} else {
  report(await runAll(resolve(suite), filesOf(wanted)));
  process.exit();
}

function filesOf(names: readonly string[]): readonly string[] {
  const lists = names.length === 0 ? [join(LISTS, 'm1-visible.txt')] : names;
  return lists.flatMap((name) => (name.endsWith('.t') ? [name] : linesOf(name)));
}

function linesOf(path: string): string[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '');
}

/** Runs this program again with loopback, a black hole for all else, and a process tree that ends with it. */
function isolated(): number {
  const network = `ip link set lo up
    { ip link add hole0 type dummy || ip link add hole0 type veth peer name hole1; } 2>/dev/null
    ip addr add 198.51.100.1/24 dev hole0 && ip link set hole0 up
    ! ip link set hole1 up 2>/dev/null || ip neigh add 198.51.100.2 lladdr 02:00:00:00:00:02 dev hole0 nud permanent
    ip route add default via 198.51.100.2
    exec "$@"`;
  const namespaces = ['-n', '-p', '-m', '--mount-proc', '--fork', '--kill-child'];
  const self = [process.execPath, ...process.argv.slice(1)];
  const ended = spawnSync('unshare', [...namespaces, 'sh', '-c', network, 'sh', ...self], {
    stdio: 'inherit',
    env: { ...process.env, [ISOLATED]: '1' },
  });
  if (ended.error !== undefined) console.error(`unshare: ${ended.error.message}`);
  return ended.status ?? 1;
}

async function runAll(folder: string, files: readonly string[]): Promise<readonly Result[]> {
  const baseline = readBaseline();
  const queue = [...files];
  const results: Result[] = [];
  const lane = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      results.push(await runOne(folder, file, baseline.get(file) ?? 0));
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, lane));
  return results.sort((a, b) => a.file.localeCompare(b.file));
}

/** How many assertions nginx itself holds in each file. */
function readBaseline(): ReadonlyMap<string, number> {
  const rows = linesOf(join(LISTS, 'baseline.tsv')).slice(1);
  return new Map(
    rows.map((row) => {
      const [file = '', , held = '0'] = row.split('\t');
      return [file, Number(held)];
    }),
  );
}

function runOne(folder: string, file: string, heldByNginx: number): Promise<Result> {
  if (!existsSync(join(folder, file))) {
    return Promise.resolve({ file, state: 'is not in the suite', held: 0, missed: 0, output: '' });
  }
  const globals = process.getuid?.() === 0 ? { TEST_NGINX_GLOBALS: 'user root;' } : {};
  const child = spawn('timeout', ['-k', '5', FILE_SECONDS_MAX, 'perl', file], {
    cwd: folder,
    env: { ...process.env, TEST_NGINX_BINARY: BINARY, ...globals },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  // Not 'close': a daemon that a test left behind holds the pipe open.
  return new Promise((done) => {
    child.on('exit', (code) =>
      setTimeout(() => done(judge(file, output, code, heldByNginx)), LAST_OUTPUT_MS),
    );
  });
}

function judge(file: string, output: string, code: number | null, heldByNginx: number): Result {
  const count = (pattern: RegExp): number => (output.match(pattern) ?? []).length;
  const planned = /^1\.\.(\d+)/m.exec(output)?.[1];
  const held = count(/^ok \d+/gm);
  const excused = count(/^not ok \d+.*# TODO/gm);
  const refused = count(/^not ok \d+/gm) - excused;
  const whole = planned !== undefined && held + excused + refused === Number(planned);
  const missed = whole || planned === undefined ? refused : Number(planned) - held - excused;
  const skipped = /^1\.\.0 # SKIP(.*)/m.exec(output)?.[1];
  const good = code === 0 && whole && refused === 0 && held >= heldByNginx;
  const state =
    skipped !== undefined ? `skipped:${skipped}` : good ? 'ok' : `failed; nginx holds ${heldByNginx}`;
  return { file, state, held, missed, output };
}

function report(results: readonly Result[]): void {
  for (const { file, state, held, missed, output } of results) {
    if (state === 'ok') continue;
    console.log(`${file.padEnd(40)} ${state} (${held} held, ${missed} not)`);
    if (verbose) console.log(output.replace(/^/gm, '    '));
  }
  const passed = results.filter((result) => result.state === 'ok').length;
  const held = results.reduce((sum, result) => sum + result.held, 0);
  const missed = results.reduce((sum, result) => sum + result.missed, 0);
  console.log(`${passed} of ${results.length} files passed; ${held} assertions held, ${missed} did not`);
}
