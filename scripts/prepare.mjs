// What start.mjs and test.mjs do first, so plain JavaScript on node:* alone: is this Node recent enough, are the packages
// of package-lock.json in place, is the build newer than the source. Each does its work only when it must.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** What `engines` in package.json says: ^20.19 || >=22.12. */
export function checkNode(version = process.versions.node) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const recent = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
  if (recent) return;
  fail(
    `this is Node ${version}; Holdfast needs Node 20.19 or later of line 20, or 22.12 and later.`,
    'Get one from https://nodejs.org, or: npx -y node@22 scripts/start.mjs',
  );
}

/** `npm ci` when node_modules is missing or holds other versions than package-lock.json. */
export function installPackages() {
  const reason = whyInstall();
  if (reason === undefined) return;
  console.log(`npm ci: ${reason}`);
  run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'], 'the packages could not be installed');
}

/** `npm run build` when dist/ is missing or older than what it is made from. */
export function build() {
  const reason = whyBuild();
  if (reason === undefined) return;
  console.log(`npm run build: ${reason}`);
  run('npm', ['run', '--silent', 'build'], 'the build failed');
}

/** Says what is wrong, and what to do about it, and ends the process. */
export function fail(...lines) {
  for (const line of lines) console.error(`holdfast: ${line}`);
  process.exit(1);
}

function whyInstall() {
  const placed = join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(placed)) return 'node_modules is missing';
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  const found = JSON.parse(readFileSync(placed, 'utf8')).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '') continue;
    const there = found[path];
    if (there === undefined && (entry.optional || entry.devOptional || entry.peer)) continue;
    if (there?.version !== entry.version)
      return `${path} is ${there?.version ?? 'missing'}, not ${entry.version}`;
  }
  return undefined;
}

function whyBuild() {
  const made = ['dist/cli.js', 'dist/checked/cli.js', 'dist/examples/chat-node.js'].map((path) =>
    join(ROOT, path),
  );
  if (!made.every((path) => existsSync(path))) return 'dist/ is missing';
  const oldest = Math.min(...made.map((path) => statSync(path).mtimeMs));
  const sources = [
    'src',
    'scripts',
    'examples',
    'test/simulation',
    'package-lock.json',
    'tsdown.config.ts',
    'tsconfig.json',
  ];
  const newer = sources.map((path) => newest(join(ROOT, path))).find((file) => file.mtimeMs > oldest);
  return newer === undefined ? undefined : `${newer.path.slice(ROOT.length + 1)} is newer than dist/`;
}

/** The file changed last, under a folder or the file itself; what is not bundled does not count. */
function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return { path, mtimeMs: stat.mtimeMs };
  return readdirSync(path)
    .filter((name) => !/\.(test\.ts|mjs)$/.test(name))
    .map((name) => newest(join(path, name)))
    .reduce((late, file) => (file.mtimeMs > late.mtimeMs ? file : late), { path, mtimeMs: 0 });
}

function run(command, args, complaint) {
  const windows = process.platform === 'win32';
  const ended = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', shell: windows });
  if (ended.error !== undefined) fail(`${complaint}: ${command}: ${ended.error.message}`);
  if (ended.status !== 0)
    fail(`${complaint}: "${command} ${args.join(' ')}" ended with ${ended.status ?? ended.signal}`);
}
