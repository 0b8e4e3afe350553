// `npm run fuzz`: builds what is older than its source, then runs scripts/fuzz.ts with the same arguments.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, checkNode, installPackages, ROOT } from './prepare.mjs';

checkNode();
installPackages();
build();
const ended = spawnSync(process.execPath, [join(ROOT, 'dist/scripts/fuzz.js'), ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exit(ended.status ?? 1);
