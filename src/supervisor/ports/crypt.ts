// crypt_r(3) of the system, through FFI: in libcrypt, loaded by its name when it is first asked for, or in the C library itself (musl).
// It may take a second by design, so it runs beside the loop.
import { createRequire } from 'node:module';
import { bytesOf } from '../../base/bytes.ts';

/** Larger than `struct crypt_data` of any C library; glibc's old one had 131,232 bytes. */
const CRYPT_STATE_BYTES = 262_144;
const LIBRARIES = ['libcrypt.so.1', 'libcrypt.so.2', null];

/** `done` comes later: with the hash, or undefined where there is no crypt_r or it refuses the salt. */
export function systemCrypt(password: string, salt: string, done: (hash: string | undefined) => void): void {
  crypt ??= findCrypt();
  if (crypt === 'missing') {
    queueMicrotask(() => done(undefined));
    return;
  }
  // What native code reads and writes stays referenced by the callback until that has run, all three: memory that nobody refers to is
  // freed under the call, and the hash is another then.
  const [key, setting] = [zeroEnded(password), zeroEnded(salt)];
  const state = new Uint8Array(CRYPT_STATE_BYTES);
  crypt.async(key, setting, state, (error: unknown, hash: string | null) => {
    key.fill(0);
    setting.fill(0);
    state.fill(0);
    done(error === null && hash !== null ? hash : undefined);
  });
}

type Koffi = typeof import('koffi');
type CryptFunction = ReturnType<ReturnType<Koffi['load']>['func']>;

let crypt: CryptFunction | 'missing' | undefined;

/** FFI itself may be refused here. */
function findCrypt(): CryptFunction | 'missing' {
  for (const name of LIBRARIES) {
    try {
      const koffi = createRequire(import.meta.url)('koffi') as Koffi;
      return koffi.load(name).func(SIGNATURE);
    } catch {
      // not by this name
    }
  }
  return 'missing';
}

const SIGNATURE = 'const char *crypt_r(const uint8_t *key, const uint8_t *setting, _Inout_ uint8_t *state)';

function zeroEnded(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length + 1);
  bytes.set(bytesOf(text));
  return bytes;
}
