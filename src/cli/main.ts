// The program `holdfast`: flags, then one of its jobs: say the version, test a configuration, signal a running master, or run.
import { setFlagsFromString } from 'node:v8';
import { runMain } from './run-main.ts';

// A match is bounded as PCRE's is: where backtracking runs away, V8's linear engine takes over. Set before any pattern is compiled.
setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');

process.exit(await runMain(process.argv.slice(2)));
