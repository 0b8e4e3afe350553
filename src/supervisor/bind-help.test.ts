import { describe, expect, it } from 'vitest';
import { ioErrorOfCode } from '../io/io-error.ts';
import type { ListenerPlan } from '../plan/plan.ts';
import { bindHelp, bindText } from './bind-help.ts';

function listener(address: ListenerPlan['address'], key: string): ListenerPlan {
  return {
    key,
    address,
    backlog: 511,
    reusePort: false,
    ipv6Only: true,
    receiveBufferBytes: undefined,
    sendBufferBytes: undefined,
    deferred: false,
    keepalive: 'system',
    servers: new Map([[key, { default: { place: 'nginx.conf:7' } as never, names: {} as never }]]),
  };
}

const WEB = listener({ family: 4, host: '0.0.0.0', port: 80 }, '0.0.0.0:80');
const SOCKET = listener({ family: 'unix', path: '/run/a.sock' }, 'unix:/run/a.sock');

describe('an address that cannot be bound', () => {
  it("has nginx's line", () => {
    expect(bindText(WEB, ioErrorOfCode('bind', 'EADDRINUSE'))).toBe(
      'bind() to 0.0.0.0:80 failed (98: Address already in use)',
    );
    expect(bindText(WEB, ioErrorOfCode('listen', 'EADDRINUSE'))).toBe(
      'listen() to 0.0.0.0:80, backlog 511 failed (98: Address already in use)',
    );
    expect(bindText(SOCKET, ioErrorOfCode('bind', 'EACCES'))).toBe(
      'bind() to unix:/run/a.sock failed (13: Permission denied)',
    );
  });

  it.each([
    [WEB, 'EACCES', 'net.ipv4.ip_unprivileged_port_start'],
    [WEB, 'EACCES', 'setcap cap_net_bind_service=+ep'],
    [WEB, 'EACCES', 'another port, 8080 for instance'],
    [WEB, 'EADDRINUSE', 'another program listens on port 80'],
    [WEB, 'EADDRNOTAVAIL', 'this machine has no address 0.0.0.0'],
    [WEB, 'EADDRINUSE', 'nginx.conf:7'],
    [SOCKET, 'EADDRINUSE', 'left the file behind'],
  ])('%# helps a person on', (where, code, help) => {
    expect(bindHelp(where, ioErrorOfCode('bind', code))).toContain(help);
  });

  it('says nothing that it does not know', () => {
    expect(bindHelp(SOCKET, ioErrorOfCode('bind', 'ENOMEM'))).toBeUndefined();
  });
});
