// The body of a client's request, as the location wants it kept: in memory, then in a file, or passed on as it comes.
import { BodyStore } from './body-store.ts';
import type { Exchange } from './exchange.ts';
import type { Files } from './ports.ts';

/** The exchange wants it: from here on what comes is stored. */
export function beginBody(x: Exchange, how: 'buffer' | 'stream', files: Files): void {
  const { core } = x.location;
  const inFile = core.bodyInFileOnly;
  x.body.begin(
    how,
    new BodyStore(files, {
      memoryBytesMax: core.bodyBufferBytes,
      fileBytesMax: how === 'buffer' ? Number.POSITIVE_INFINITY : 0,
      folder: core.bodyTempFolder,
      levels: core.bodyTempLevels,
      file: inFile === 'off' ? 'unnamed' : inFile === 'clean' ? 'clean' : 'keep',
      fileOnly: inFile !== 'off',
    }),
    core.clientMaxBodyBytes > 0 ? core.clientMaxBodyBytes : Number.POSITIVE_INFINITY,
  );
}

/** Logs that it waits in a file, or could not be stored; false for that. */
export function tellOfBodyStore(x: Exchange): boolean {
  const { store } = x.body;
  const news = store?.takeNews();
  if (news !== undefined) {
    const level = x.location.core.bodyInFileOnly === 'off' ? 'warn' : 'notice';
    x.log(level, `a client request body is buffered to a temporary file ${news}`);
  }
  const problem = store?.error;
  if (problem !== undefined)
    x.log('crit', `a client request body could not be stored (${problem.errno}: ${problem.text})`);
  return problem === undefined;
}
