// `npm run sim`: builds what is older than its source, then runs scripts/sim.ts with the same arguments.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, checkNode, installPackages, ROOT } from './prepare.mjs';

checkNode();
installPackages();
build();
const ended = spawnSync(process.execPath, [join(ROOT, 'dist/scripts/sim.js'), ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exit(ended.status ?? 1);
