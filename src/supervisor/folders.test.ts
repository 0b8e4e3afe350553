import { chmodSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { emptyFolder } from '../../test/e2e/program.ts';
import { createPaths, makeFoldersFor, pathText } from './folders.ts';

describe('folders on the way to a file', () => {
  it('are made, however many are missing', () => {
    const folder = emptyFolder();
    makeFoldersFor(join(folder, 'a', 'b', 'c', 'file'));
    expect(existsSync(join(folder, 'a', 'b', 'c'))).toBe(true);
    makeFoldersFor(join(folder, 'a', 'b', 'c', 'file'));
    makeFoldersFor('file');
    makeFoldersFor('/file');
  });

  it('that cannot be made end in an error, not in a loop', () => {
    const folder = emptyFolder();
    writeFileSync(join(folder, 'file'), '');
    expect(() => makeFoldersFor(join(folder, 'file', 'below', 'x'))).toThrow(/ENOTDIR/);
    expect(() => makeFoldersFor('/proc/none/of/this')).toThrow(/ENOENT/);
  });
});

describe("a folder of the workers'", () => {
  it('is theirs alone', () => {
    const path = join(emptyFolder(), 'temp');
    const uid = process.getuid?.() === 0 ? 65534 : (process.getuid?.() ?? 0);
    expect(createPaths([path], uid)).toBeUndefined();
    expect(statSync(path)).toMatchObject({ uid, mode: 0o40700 });
    chmodSync(path, 0o055);
    expect(createPaths([path], uid)).toBeUndefined();
    expect(statSync(path).mode & 0o777).toBe(0o755);
  });

  it('is made where its owner cannot be chosen, and then left as it is', () => {
    const path = join(emptyFolder(), 'temp');
    expect(createPaths([path], undefined)).toBeUndefined();
    chmodSync(path, 0o055);
    expect(createPaths([path], undefined)).toBeUndefined();
    expect(statSync(path).mode & 0o777).toBe(0o055);
  });

  it('that cannot be made is told of in the words of nginx', () => {
    const path = join(emptyFolder(), 'no', 'such');
    const problem = createPaths([path], undefined);
    expect(problem && pathText(problem)).toBe(`mkdir() "${path}" failed (2: No such file or directory)`);
  });
});
