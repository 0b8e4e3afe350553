import { chmodSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { emptyFolder } from '../../test/e2e/program.ts';
import { makeFoldersFor, ownFolder } from './folders.ts';

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
    expect(ownFolder(path, uid)).toBeUndefined();
    expect(statSync(path)).toMatchObject({ uid, mode: 0o40700 });
    chmodSync(path, 0o055);
    expect(ownFolder(path, uid)).toBeUndefined();
    expect(statSync(path).mode & 0o777).toBe(0o755);
    expect(ownFolder(join(path, 'no', 'such'), uid)).toMatchObject({ call: 'mkdir', code: 'ENOENT' });
  });
});
