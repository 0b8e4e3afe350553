// The configuration's files on disk, and the system's resolver: what the master alone uses.
import { ADDRCONFIG, lookup as dnsLookup } from 'node:dns';
import { readdirSync } from 'node:fs';
import { byteString } from '../base/bytes.ts';
import { type ConfigFiles, expandGlob } from '../config/files.ts';
import { ioErrorOfNode } from '../io/io-error.ts';
import { readBounded } from './read-bounded.ts';
import { systemPath } from './system-path.ts';

export const disk: ConfigFiles = {
  read: (path) => {
    try {
      return byteString(readBounded(systemPath(path)));
    } catch (error) {
      return ioErrorOfNode('open', error);
    }
  },
  glob: (pattern) =>
    expandGlob(pattern, (folder) => {
      try {
        return readdirSync(systemPath(folder), 'buffer').map((name) => byteString(name));
      } catch {
        return undefined;
      }
    }),
};

/** All addresses in the resolver's order, as nginx asks for them at start. */
export function lookup(host: string): Promise<readonly string[]> {
  return new Promise((resolve) => {
    dnsLookup(host, { all: true, order: 'verbatim', hints: ADDRCONFIG }, (error, addresses) =>
      resolve(error === null ? [...new Set(addresses.map(({ address }) => address))] : []),
    );
  });
}
