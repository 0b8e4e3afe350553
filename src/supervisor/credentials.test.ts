import { beforeEach, describe, expect, it } from 'vitest';
import { planOf } from '../../test/support/balancer.ts';
import { isRoot, settleUser } from './credentials.ts';

function settle(main: string) {
  const said: string[] = [];
  const report = {
    say: (level: string, text: string) => void said.push(`[${level}] ${text}`),
    configuration: () => undefined,
  };
  return { credentials: settleUser(planOf(`${main} http { }`).process, report), said };
}

const AT = 'in /prefix/nginx.conf:1';

describe('workers of a master that is root', () => {
  beforeEach(({ skip }) => skip(!isRoot(), 'root alone changes users'));

  it('are nobody where the file names no user, as under nginx', () => {
    expect(settle('')).toEqual({
      credentials: { user: 'nobody', uid: expect.any(Number), gid: expect.any(Number) },
      said: [],
    });
    expect(process.geteuid?.()).toBe(0);
    expect(process.getegid?.()).toBe(0);
  });

  it.each([
    ['user root;', { user: 'root', uid: 0, gid: 0 }],
    ['user daemon root;', { user: 'daemon', gid: 0 }],
  ])('%s', (main, credentials) => {
    expect(settle(main)).toMatchObject({ credentials, said: [] });
  });

  it.each([
    ['user nosuch;', `[emerg] getpwnam("nosuch") failed ${AT}`],
    ['user root nosuch;', `[emerg] getgrnam("nosuch") failed ${AT}`],
  ])('%s is refused', (main, text) => {
    expect(settle(main)).toEqual({ credentials: 'refused', said: [text] });
  });
});

describe('workers of a master that is not root', () => {
  beforeEach(({ skip }) => skip(isRoot(), 'this runs as root'));

  it('are who it is, and a user in the file is a warning', () => {
    expect(settle('')).toEqual({ credentials: undefined, said: [] });
    expect(settle('user www;')).toEqual({
      credentials: undefined,
      said: [
        expect.stringContaining(
          `makes sense only if the master process runs with super-user privileges, ignored ${AT}`,
        ),
      ],
    });
  });
});
