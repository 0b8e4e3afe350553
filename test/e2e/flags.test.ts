// The command line as nginx has it: what each flag prints, where, and the exit code with which it ends.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { needsLinux, skipCasesWhere } from '../support/skip.ts';
import { curl } from './clients.ts';
import {
  type Ended,
  emptyFolder,
  freePort,
  IS_NGINX,
  isAlive,
  runProgram,
  startProgram,
  until,
} from './program.ts';

const NAME = IS_NGINX ? 'nginx' : 'holdfast';

async function withFile(
  text: string,
  ...flags: readonly string[]
): Promise<Ended & { readonly file: string }> {
  const folder = emptyFolder();
  const file = join(folder, 'nginx.conf');
  await writeFile(file, text);
  const paths = ['-p', `${folder}/`, '-c', file, '-e', join(folder, 'early.log'), '-g', 'pid test.pid;'];
  return { ...(await runProgram([...paths, ...flags], folder)), file };
}

async function goodText(body = 'return 200 ok;'): Promise<string> {
  return `events {} http { access_log off; server { listen ${await freePort()}; ${body} } }`;
}

describe('testing a file', () => {
  it('-t says that a good one is good, on standard error', async () => {
    const { code, stdout, stderr, file } = await withFile(await goodText(), '-t');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toContain(`${NAME}: the configuration file ${file} syntax is ok\n`);
    expect(stderr).toContain(`${NAME}: configuration file ${file} test is successful\n`);
  });

  it('-t names file and line of what is wrong, and fails', async () => {
    const { code, stderr, file } = await withFile(
      'events {}\nhttp {\n  server {\n    lissen 80;\n  }\n}\n',
      '-t',
    );
    expect(code).toBe(1);
    expect(stderr).toContain(`${NAME}: [emerg] unknown directive "lissen" in ${file}:4`);
    expect(stderr).toContain(`${NAME}: configuration file ${file} test failed\n`);
  });

  it('-t makes the folders for temporary files, and says which cannot be made', async () => {
    const folder = emptyFolder();
    const test = async (temp: string): Promise<Ended> => {
      const file = join(folder, 'nginx.conf');
      await writeFile(file, `events {} http { access_log off; server { proxy_temp_path ${temp}; } }`);
      return runProgram(
        ['-t', '-p', `${folder}/`, '-c', file, '-e', 'early.log', '-g', 'pid test.pid;'],
        folder,
      );
    };
    expect((await test('made')).code).toBe(0);
    expect(existsSync(join(folder, 'made'))).toBe(true);
    const { code, stderr } = await test('none/below');
    expect(code).toBe(1);
    expect(stderr).toContain(
      `${NAME}: [emerg] mkdir() "${join(folder, 'none/below')}" failed (2: No such file or directory)\n`,
    );
  });

  it('-t -q says nothing of a good one', async () => {
    expect(await withFile(await goodText(), '-t', '-q')).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  it('-T prints the configuration on standard output', async () => {
    const text = await goodText();
    const { code, stdout, file } = await withFile(text, '-T');
    expect(code).toBe(0);
    expect(stdout).toContain(`# configuration file ${file}:\n${text}`);
  });

  it("a missing one is an emergency with the system's reason", async () => {
    const folder = emptyFolder();
    const missing = join(folder, 'none.conf');
    const { code, stderr } = await runProgram(
      ['-t', '-p', `${folder}/`, '-c', missing, '-e', 'early.log'],
      folder,
    );
    expect(code).toBe(1);
    expect(stderr).toContain(`${NAME}: [emerg] open() "${missing}" failed (2: No such file or directory)`);
  });
});

describe('what it says of itself', () => {
  it('-v names it and its version', async () => {
    const { code, stderr } = await runProgram(['-v'], emptyFolder());
    expect(code).toBe(0);
    expect(stderr).toMatch(new RegExp(`^${NAME} version: ${NAME}/\\d+\\.\\d+\\.\\d+`));
  });

  it('-V lists what tools read of nginx', async () => {
    const { code, stderr } = await runProgram(['-V'], emptyFolder());
    expect(code).toBe(0);
    expect(stderr).toMatch(/^nginx version: nginx\/1\.31\.5/m);
    expect(stderr).toMatch(/^configure arguments: .*--with-http_realip_module/m);
    expect(stderr).toMatch(/^configure arguments: .*--with-http_auth_request_module/m);
  });

  it('-h explains every flag', async () => {
    const { code, stderr } = await runProgram(['-h'], emptyFolder());
    expect(code).toBe(0);
    for (const flag of [
      '-?,-h',
      '-v',
      '-V',
      '-t',
      '-T',
      '-q',
      '-s signal',
      '-p prefix',
      '-e filename',
      '-c filename',
    ]) {
      expect(stderr).toContain(`  ${flag} `);
    }
  });

  it.each([
    [['-z'], 'invalid option: "z"'],
    [['stray'], 'invalid option: "stray"'],
    [['-c'], 'option "-c" requires file name'],
    [['-p'], 'option "-p" requires directory name'],
    [['-g'], 'option "-g" requires parameter'],
    [['-s'], 'option "-s" requires parameter'],
    [['-s', 'dance'], 'invalid option: "-s dance"'],
  ])('%j is refused', async (flags, message) => {
    const { code, stderr } = await runProgram(flags, emptyFolder());
    expect(code).toBe(1);
    expect(stderr).toContain(`${NAME}: ${message}`);
  });
});

describe('-s', () => {
  it('reload, reopen, quit and stop reach the running one by its pid file', async () => {
    const port = await freePort();
    const program = await startProgram(`http { server { listen ${port}; return 200 one; } }`);
    const say = (signal: string): Promise<Ended> =>
      runProgram(['-p', `${program.folder}/`, '-c', 'nginx.conf', '-s', signal], program.folder);

    await program.configure(`http { server { listen ${port}; return 200 two; } }`);
    expect(await say('reload')).toMatchObject({ code: 0 });
    await until(async () => (await curl(`http://127.0.0.1:${port}/`)) === 'two', 'the new configuration');

    const log = join(program.folder, 'logs', 'access.log');
    await rm(log);
    expect(await say('reopen')).toMatchObject({ code: 0 });
    await until(async () => {
      await curl(`http://127.0.0.1:${port}/`);
      return program.read('logs/access.log') !== '';
    }, 'the access log made anew');

    expect(await say('quit')).toMatchObject({ code: 0 });
    await until(() => !isAlive(program.pid), 'the end');
    const again = await say('stop');
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(
      /\[error\] open\(\) ".*logs\/nginx\.pid" failed \(2: No such file or directory\)/,
    );
  });
});

describe('-s where the pid file is stale', () => {
  needsLinux('names of processes are read from /proc');
  skipCasesWhere(IS_NGINX, 'nginx signals whatever the number names');

  it('signals no stranger', async () => {
    const folder = emptyFolder();
    const other = spawn('sleep', ['60']);
    onTestFinished(() => void other.kill());
    await until(() => other.pid !== undefined, 'the other process');
    await until(() => readFileSync(`/proc/${other.pid}/comm`, 'latin1') === 'sleep\n', 'its name');
    await writeFile(join(folder, 'nginx.conf'), await goodText());
    await writeFile(join(folder, 'nginx.pid'), `${other.pid}\n`);
    const flags = ['-p', `${folder}/`, '-e', 'early.log', '-g', 'pid nginx.pid;', '-s', 'stop'];
    const { code, stderr } = await runProgram(flags, folder);
    expect(code).toBe(1);
    expect(stderr).toContain(
      `[error] "${folder}/nginx.pid" names process ${other.pid}, "sleep", which is no master\n`,
    );
    expect(isAlive(other.pid ?? 0)).toBe(true);
  });
});

describe('-g', () => {
  it('adds directives that the file does not have', async () => {
    const port = await freePort();
    const text = `http { server { listen ${port}; return 200 ok; } }`;
    const program = await startProgram(text, { flags: ['-g', 'worker_processes 2;'] });
    await until(() => program.processes().length === 3, 'a master and two workers');
  });

  it("that repeats one of the file's is a duplicate", async () => {
    const { code, stderr } = await withFile(`pid other.pid; ${await goodText()}`, '-t');
    expect(code).toBe(1);
    expect(stderr).toContain('"pid" directive is duplicate');
  });
});
