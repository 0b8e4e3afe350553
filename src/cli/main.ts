// The program `holdfast`: flags, then one of its jobs: say the version, test a configuration, signal a running master, or run. Loads the
// job only after a worker has been started that begins meanwhile.
import { launchSpare } from '../supervisor/worker-launch.ts';
import { parseFlags } from './flags.ts';
import { needsWorkerSoon } from './foreground.ts';

const flags = parseFlags(process.argv.slice(2));
if (needsWorkerSoon(flags)) launchSpare();

const { runMain } = await import('./run-main.ts');
process.exit(await runMain(flags));
