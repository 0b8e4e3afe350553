import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { bytesOf, concatBytes } from '../../base/bytes.ts';
import { RESOLVERS_MAX } from '../../base/limits.ts';
import type { NameQuestion } from '../../proxy/ports.ts';
import type { NameServer, WireEvents } from './dns-wire.ts';
import { dnsNames, type NameClock } from './names.ts';

const SERVERS = [
  { host: '10.0.0.1', port: 53 },
  { host: '10.0.0.2', port: 53 },
];

/** A query that was sent, and how to answer it. */
interface Sent {
  readonly server: NameServer;
  readonly overTcp: boolean;
  readonly name: string;
  readonly type: number;
  /** `records` without their owner; `flags` also says what is wrong. */
  answer(records: readonly string[], flags?: number, identBy?: number): void;
}

class FakeClock implements NameClock {
  time = 0;
  private readonly works = new Map<object, { readonly at: number; readonly work: () => void }>();

  now(): number {
    return this.time;
  }

  after(ms: number, work: () => void): () => void {
    const key = {};
    this.works.set(key, { at: this.time + ms, work });
    return () => this.works.delete(key);
  }

  pass(ms: number): void {
    const until = this.time + ms;
    for (;;) {
      const [next] = [...this.works].filter(([, { at }]) => at <= until).sort(([, a], [, b]) => a.at - b.at);
      if (next === undefined) break;
      this.works.delete(next[0]);
      this.time = next[1].at;
      next[1].work();
    }
    this.time = until;
  }

  get idle(): boolean {
    return this.works.size === 0;
  }
}

class Fixture {
  readonly clock = new FakeClock();
  readonly sent: Sent[] = [];
  readonly log: string[] = [];
  open = 0;
  readonly names = dnsNames({
    clock: this.clock,
    log: (text) => this.log.push(text),
    random: () => 0,
    wires: {
      datagrams: (server, events) => this.wire(server, false, events),
      stream: (server, events) => this.wire(server, true, events),
    },
  });

  private wire(server: NameServer, overTcp: boolean, events: WireEvents) {
    this.open++;
    return {
      send: (query: Uint8Array): void => {
        this.sent.push(sentQuery(query, server, overTcp, events));
      },
      close: (): void => {
        this.open--;
      },
    };
  }

  /** Asks; the answer comes into the list that is returned. */
  ask(name: string, options: Partial<NameQuestion> = {}): unknown[] {
    const answers: unknown[] = [];
    const question = {
      name,
      servers: SERVERS,
      ipv4: true,
      ipv6: false,
      timeoutMs: 30_000,
      validMs: undefined,
    };
    this.names.resolve({ ...question, ...options }, (answer) => answers.push(answer));
    return answers;
  }
}

function sentQuery(query: Uint8Array, server: NameServer, overTcp: boolean, events: WireEvents): Sent {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(String.fromCharCode(...query.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return {
    server,
    overTcp,
    name: labels.join('.'),
    type: query[at + 2] ?? 0,
    answer(records, flags = 0x8180, identBy = 0) {
      const bytes = concatBytes([query, ...records.map((record) => bytesOf(`\xc0\x0c${record}`))]);
      bytes.set([flags >> 8, flags & 255, 0, 1, 0, records.length], 2);
      bytes.set([(bytes[1] ?? 0) + identBy], 1);
      events.received(bytes);
    },
  };
}

const address = (last: number, seconds = 60): string =>
  `\0\x01\0\x01\0\0\0${String.fromCharCode(seconds)}\0\x04\x7f\0\0${String.fromCharCode(last)}`;
const address6 = (last: number): string =>
  `\0\x1c\0\x01\0\0\0\x3c\0\x10${'\0'.repeat(15)}${String.fromCharCode(last)}`;
/** `label` under the name that was asked for, less its first label of one char. */
const cname = (label: string): string =>
  `\0\x05\0\x01\0\0\0\x3c\0${String.fromCharCode(label.length + 3, label.length)}${label}\xc0\x0e`;

const NOT_FOUND = { problem: '3: Host not found' };
const TIMED_OUT = { problem: '110: Operation timed out' };
const SERVER_FAILURE = 0x8182;
const FORMAT_ERROR = 0x8181;
const CUT = 0x8380;

let fixture: Fixture;
afterEach(() => {
  expect(fixture.clock.idle).toBe(true);
  expect(fixture.open).toBe(0);
});

describe('a name', () => {
  it('is asked for once by all who want it, and kept for its TTL', async () => {
    fixture = new Fixture();
    const [one, two] = [fixture.ask('a.test'), fixture.ask('A.Test.')];
    expect(fixture.sent).toHaveLength(1);
    fixture.sent[0]?.answer([address(1), address(2)]);
    expect([one, two]).toEqual([[['127.0.0.1', '127.0.0.2']], [['127.0.0.1', '127.0.0.2']]]);
    fixture.clock.pass(59_999);
    const kept = fixture.ask('a.test');
    expect(kept).toEqual([]); // not within its own call
    await Promise.resolve();
    expect(kept).toEqual([['127.0.0.1', '127.0.0.2']]);
    fixture.clock.pass(1);
    fixture.ask('a.test');
    expect(fixture.sent).toHaveLength(2);
    fixture.sent[1]?.answer([address(1)]);
  });

  it('is kept for as long as valid= says instead', async () => {
    fixture = new Fixture();
    fixture.ask('a.test', { validMs: 1000 });
    fixture.sent[0]?.answer([address(1)]);
    fixture.clock.pass(1001);
    fixture.ask('a.test', { validMs: 1000 });
    expect(fixture.sent).toHaveLength(2);
    fixture.sent[1]?.answer([], SERVER_FAILURE);
  });

  it('is forgotten with its line where other lines are more than are kept, unless it is being asked for', () => {
    fixture = new Fixture();
    const line = (last: number) => ({ servers: [{ host: `10.0.1.${last}`, port: 53 }] });
    fixture.ask('open.test', line(0));
    for (let i = 1; i <= RESOLVERS_MAX; i++) {
      fixture.ask('a.test', line(i));
      fixture.sent.at(-1)?.answer([address(1)]);
    }
    const before = fixture.sent.length;
    fixture.ask('open.test', line(0)); // joins the question that is open
    fixture.ask('a.test', line(RESOLVERS_MAX)); // kept
    expect(fixture.sent).toHaveLength(before);
    fixture.ask('a.test', line(1)); // was the first without an open question
    expect(fixture.sent).toHaveLength(before + 1);
    fixture.sent.at(-1)?.answer([address(1)]);
    fixture.sent[0]?.answer([address(1)]);
  });

  it.each(['', 'a..test', `${'a'.repeat(64)}.test`])('that cannot be one is not found: %j', async (name) => {
    fixture = new Fixture();
    const answers = fixture.ask(name);
    await Promise.resolve();
    expect([answers, fixture.sent]).toEqual([[NOT_FOUND], []]);
  });
});

describe('an end', () => {
  it('leaves no clock and no way to a server, and answers nobody', () => {
    fixture = new Fixture();
    const answers = [fixture.ask('a.test'), fixture.ask('b.test', { ipv6: true })];
    fixture.names.close();
    fixture.sent[0]?.answer([address(1)]);
    expect(answers).toEqual([[], []]);
  });
});

describe('both families', () => {
  const both = { ipv6: true };
  const ask = (): [unknown[], Sent, Sent] => {
    fixture = new Fixture();
    const answers = fixture.ask('a.test', both);
    const [first, second] = fixture.sent as [Sent, Sent];
    expect([first.type, second.type]).toEqual([1, 28]);
    return [answers, first, second];
  };

  it('are waited for, IPv4 comes first', () => {
    const [answers, first, second] = ask();
    second.answer([address6(1)]);
    expect(answers).toEqual([]);
    first.answer([address(1)]);
    expect(answers).toEqual([['127.0.0.1', '::1']]);
  });

  it.each([
    ['an error and addresses', SERVER_FAILURE, [], [address6(1)], { problem: '2: Server failure' }],
    ['nothing and addresses', 0x8180, [], [address6(1)], ['::1']],
    ['nothing and nothing', 0x8180, [], [], NOT_FOUND],
    ['a CNAME and addresses', 0x8180, [cname('b')], [address6(1)], ['::1']],
    ['a CNAME and nothing', 0x8180, [cname('b')], [], NOT_FOUND],
  ])('with %s', (_what, flags, one, other, expected) => {
    const [answers, first, second] = ask();
    first.answer(one, flags);
    second.answer(other);
    expect(answers).toEqual([expected]);
  });
});

describe('a CNAME', () => {
  it('is followed and kept', async () => {
    fixture = new Fixture();
    const answers = fixture.ask('a.test');
    fixture.sent[0]?.answer([cname('b')]);
    expect(fixture.sent[1]?.name).toBe('b.test');
    fixture.sent[1]?.answer([address(1)]);
    const again = fixture.ask('a.test');
    await Promise.resolve();
    expect([answers, again, fixture.sent.length]).toEqual([[['127.0.0.1']], [['127.0.0.1']], 2]);
  });

  it('that leads in a circle is not found after 50', async () => {
    fixture = new Fixture();
    const answers = fixture.ask('a.test');
    fixture.sent[0]?.answer([cname('b')]);
    fixture.sent[1]?.answer([cname('a')]);
    await Promise.resolve();
    expect(answers).toEqual([NOT_FOUND]);
    expect(fixture.sent).toHaveLength(2);
  });
});

describe('a server', () => {
  it('that is silent is followed by the next after 5 s, until the time is over', () => {
    fixture = new Fixture();
    const answers = fixture.ask('a.test', { timeoutMs: 12_000 });
    fixture.clock.pass(11_999);
    expect(fixture.sent.map(({ server }) => server.host)).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.1']);
    expect(answers).toEqual([]);
    fixture.clock.pass(1);
    expect(answers).toEqual([TIMED_OUT]);
  });

  it('takes turns with the others from name to name', () => {
    fixture = new Fixture();
    for (const name of ['a.test', 'b.test', 'c.test']) fixture.ask(name);
    expect(fixture.sent.map(({ server }) => server.host)).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.1']);
    for (const each of fixture.sent) each.answer([address(1)]);
  });

  it('that cuts its answer is asked over TCP', () => {
    fixture = new Fixture();
    const answers = fixture.ask('a.test');
    fixture.sent[0]?.answer([address(9)], CUT);
    expect(fixture.sent[1]).toMatchObject({ overTcp: true, server: SERVERS[0] });
    fixture.sent[0]?.answer([address(9)], CUT);
    expect(answers).toEqual([]);
    fixture.sent[1]?.answer([address(1)]);
    expect(answers).toEqual([['127.0.0.1']]);
  });

  it('that answers wrongly is as good as silent', () => {
    fixture = new Fixture();
    const answers = fixture.ask('a.test', { timeoutMs: 1000 });
    const [query] = fixture.sent;
    query?.answer([address(1)], 0x8180, 1);
    query?.answer([], FORMAT_ERROR);
    query?.answer(['\0\x01\0\x01']);
    expect(fixture.log).toEqual([
      'wrong ident 1 in DNS response for a.test, expect 0',
      'DNS error (1: Format error), query id:0, name:"a.test"',
      'short DNS response',
    ]);
    fixture.clock.pass(1000);
    expect(answers).toEqual([TIMED_OUT]);
    query?.answer([address(1)]);
    expect(fixture.log.at(-1)).toBe('unexpected DNS response for a.test');
  });

  it('is real: over UDP, then over TCP', async () => {
    fixture = new Fixture();
    const address4 = bytesOf(`\xc0\x0c${address(1)}`);
    const reply = (query: Uint8Array, flags: number): Uint8Array => {
      const bytes = concatBytes([query, address4]);
      bytes.set([flags >> 8, flags & 255, 0, 1, 0, 1], 2);
      return bytes;
    };
    const tcp = createServer((socket) => {
      socket.on('data', (query: Uint8Array) => {
        const bytes = reply(query.subarray(2), 0x8180);
        socket.write(Uint8Array.of(0));
        setImmediate(() => socket.end(concatBytes([Uint8Array.of(bytes.length), bytes])));
      });
    });
    const udp = createSocket('udp4', (query, from) => udp.send(reply(query, CUT), from.port, from.address));
    onTestFinished(() => {
      tcp.close();
      udp.close();
    });
    const port = await new Promise<number>((resolve) => {
      tcp.listen(0, '127.0.0.1', () => resolve((tcp.address() as { port: number }).port));
    });
    await new Promise<void>((resolve) => udp.bind(port, '127.0.0.1', resolve));
    const servers = [{ host: '127.0.0.1', port }];
    const question = { name: 'a.test', servers, ipv4: true, ipv6: false, timeoutMs: 0, validMs: undefined };
    const names = dnsNames({ clock: fixture.clock });
    expect(await new Promise((resolve) => names.resolve(question, resolve))).toEqual(['127.0.0.1']);
  });
});
