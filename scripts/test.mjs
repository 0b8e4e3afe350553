// `npm test`: installs what the tests need, builds, runs every test (or those that the arguments name) and ends with one
// plain line of counts. A skipped test is listed with its reason. Asks no host but the package registry, and that only to install.
import { build, checkNode, fail, installPackages, ROOT } from './prepare.mjs';

checkNode();
installPackages();
build();
process.chdir(ROOT);
process.env.NODE_ENV ??= 'test';

const { startVitest } = await import('vitest/node').catch((error) =>
  fail(`vitest cannot be loaded: ${error.message}`),
);
const vitest = await startVitest('test', process.argv.slice(2), { watch: false, run: true });
const modules = vitest.state.getTestModules();
const tests = modules.flatMap((module) => [...module.children.allTests()]);
const unhandled = vitest.state.getUnhandledErrors();
await vitest.close();

const by = (state) => tests.filter((test) => test.result().state === state);
const passed = by('passed');
const skipped = by('skipped');
const failed = [
  ...by('failed').map(
    (test) => `${test.module.relativeModuleId} > ${test.fullName}: ${firstLine(test.result().errors?.[0])}`,
  ),
  ...modules.flatMap((module) =>
    module.errors().map((error) => `${module.relativeModuleId}: ${firstLine(error)}`),
  ),
  ...modules.flatMap((module) => [...module.children.allSuites()].flatMap(suiteErrors)),
  ...unhandled.map((error) => `outside of any test: ${firstLine(error)}`),
];

list(
  'skipped',
  skipped.map(
    (test) =>
      `${test.module.relativeModuleId} > ${test.fullName}: ${test.result().note ?? 'no reason given'}`,
  ),
);
list('failed', failed);
const nothing = tests.length === 0;
if (nothing) console.log('no test was found');
console.log(`tests: ${passed.length} passed, ${failed.length} failed, ${skipped.length} skipped`);
process.exit(failed.length > 0 || nothing ? 1 : 0);

function suiteErrors(suite) {
  return suite
    .errors()
    .map((error) => `${suite.module.relativeModuleId} > ${suite.fullName}: ${firstLine(error)}`);
}

function firstLine(error) {
  return String(error?.message ?? error ?? 'failed').split('\n')[0];
}

function list(title, lines) {
  if (lines.length > 0) console.log(`\n${title}:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}
