import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byteString, bytesOf, utf8ByteString } from '../../base/bytes.ts';
import { isFileError } from '../../base/file-error.ts';
import { nodeFiles } from './files.ts';

const files = nodeFiles();
let folder = '';
let base = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'files-'));
  base = utf8ByteString(folder);
  writeFileSync(join(folder, 'page.html'), 'hello');
  utimesSync(join(folder, 'page.html'), 1_000_000_000.9, 1_000_000_000.9);
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0x80])]), 'odd');
  mkdirSync(join(folder, 'inner'));
  symlinkSync('page.html', join(folder, 'link'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the files port', () => {
  it('tells what a path is', () => {
    expect(files.stat(`${base}/page.html`)).toEqual({
      kind: 'file',
      bytes: 5,
      modifiedSeconds: 1_000_000_000,
      executable: false,
    });
    expect(files.stat(`${base}/inner`)).toMatchObject({ kind: 'directory' });
    expect(files.stat('/dev/null')).toMatchObject({ kind: 'other' });
  });

  it('says no as the system does', () => {
    const missing = { code: 'ENOENT', errno: 2, text: 'No such file or directory' };
    expect(files.stat(`${base}/none`)).toMatchObject(missing);
    expect(files.openRead(`${base}/none`)).toMatchObject(missing);
    expect(files.realpath(`${base}/none`)).toMatchObject(missing);
    expect(files.readText(`${base}/none`, 10)).toMatchObject(missing);
    expect(files.stat(`${base}/page.html/x`)).toMatchObject({ code: 'ENOTDIR', errno: 20 });
    expect(files.stat(`${base}/${'x'.repeat(300)}`)).toMatchObject({ code: 'ENAMETOOLONG', errno: 36 });
    expect(files.openRead(`${base}/a\0b`)).toMatchObject({ code: 'EINVAL' });
  });

  it('takes paths byte by byte', () => {
    expect(files.stat(`${base}/\xff\x80`)).toMatchObject({ kind: 'file', bytes: 3 });
    expect(files.readText(`${base}/\xff\x80`, 100)).toBe('odd');
  });

  it('reads from any place, and nothing at the end', () => {
    const file = files.openRead(`${base}/page.html`);
    if (isFileError(file)) throw new Error(file.text);
    const target = new Uint8Array(8);
    expect(files.facts(file)).toMatchObject({ kind: 'file', bytes: 5 });
    expect(files.read(file, target, 1, 3, 2)).toBe(3);
    expect(byteString(target, 1, 4)).toBe('llo');
    expect(files.read(file, target, 0, 8, 5)).toBe(0);
    files.close(file);
    expect(isFileError(files.read(file, target, 0, 8, 0))).toBe(true);
  });

  it('opens a folder to tell that it is one, and does not wait for the writer of a FIFO', () => {
    const inner = files.openRead(`${base}/inner`);
    expect(isFileError(inner) ? inner : files.facts(inner)).toMatchObject({ kind: 'directory' });
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    const fifo = files.openRead(`${base}/fifo`);
    expect(isFileError(fifo) ? fifo : files.facts(fifo)).toMatchObject({ kind: 'other' });
    for (const file of [inner, fifo]) if (!isFileError(file)) files.close(file);
  });

  it('follows links', () => {
    expect(files.realpath(`${base}/inner/../link`)).toBe(files.realpath(`${base}/page.html`));
  });

  it('reads a text up to its bound', () => {
    expect(files.readText(`${base}/page.html`, 3)).toBe('hel');
  });

  it('makes temporary files that are gone already, or stay', () => {
    const gone = files.temporary(`${base}/temp`, [1, 2], false);
    const stays = files.temporary(`${base}/temp/`, [], true);
    if (isFileError(gone) || isFileError(stays)) throw new Error('no temporary file');
    expect(gone.path).toMatch(/\/temp\/\d\/\d\d\/\d+$/);
    expect(existsSync(gone.path)).toBe(false);
    expect(existsSync(stays.path)).toBe(true);
    expect(files.write(gone.file, bytesOf('xyz'), 1, 2, 0)).toBe(2);
    const target = new Uint8Array(4);
    expect(files.read(gone.file, target, 0, 4, 0)).toBe(2);
    expect(byteString(target, 0, 2)).toBe('yz');
    files.close(gone.file);
    files.close(stays.file);
    files.remove(stays.path);
    expect(readdirSync(join(folder, 'temp')).filter((name) => name.length > 1)).toEqual([]);
  });

  it('says why there is no temporary file', () => {
    expect(files.temporary(`${base}/page.html`, [], false)).toMatchObject({ code: 'ENOTDIR' });
  });
});
