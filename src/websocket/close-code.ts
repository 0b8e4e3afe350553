// The codes of WebSocket close frames (RFC 6455, 7.4, and IANA's registry): what they are called and which may be sent.

/** For the log only: the close frame had no code. */
export const NO_STATUS = 1005;
/** For the log only: there was no close frame. */
export const ABNORMAL = 1006;
export const NORMAL = 1000;
export const GOING_AWAY = 1001;
export const PROTOCOL_ERROR = 1002;
export const INVALID_PAYLOAD = 1007;
export const POLICY_VIOLATION = 1008;
export const TOO_BIG = 1009;
export const INTERNAL_ERROR = 1011;
export const SERVICE_RESTART = 1012;
export const TRY_AGAIN_LATER = 1013;
export const BAD_GATEWAY = 1014;

/** "going away"; "" for a code without a name, such as an application's. */
export function closeCodeName(code: number): string {
  return NAMES.get(code) ?? '';
}

/** May `code` stand in a close frame? RFC 6455, 7.4.2. */
export function isSendable(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== NO_STATUS && code !== ABNORMAL;
}

const NAMES: ReadonlyMap<number, string> = new Map([
  [NORMAL, 'normal'],
  [GOING_AWAY, 'going away'],
  [PROTOCOL_ERROR, 'protocol error'],
  [1003, 'unsupported data'],
  [NO_STATUS, 'no status received'],
  [ABNORMAL, 'abnormal closure'],
  [INVALID_PAYLOAD, 'invalid payload'],
  [POLICY_VIOLATION, 'policy violation'],
  [TOO_BIG, 'message too big'],
  [1010, 'mandatory extension missing'],
  [INTERNAL_ERROR, 'internal error'],
  [SERVICE_RESTART, 'service restart'],
  [TRY_AGAIN_LATER, 'try again later'],
  [BAD_GATEWAY, 'bad gateway'],
  [1015, 'TLS handshake failed'],
]);
