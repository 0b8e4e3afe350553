// Behaviour of every engine: the clock, deferred work and the end of a turn.
import { expect } from 'vitest';
import { bytesOf } from '../../src/base/bytes.ts';
import type { Ms } from '../../src/io/engine.ts';
import type { End } from './end.ts';
import { engineCases } from './fixture.ts';
import { pour } from './stream.ts';

/** Lets the real clock go on within a callback. */
function burn(ms: Ms): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

engineCases('the clock', (fixture) => {
  fixture.it('stands still within a callback and its deferred works', async () => {
    const [client, server] = await fixture.pair();
    const seen: Ms[] = [];
    const { engine } = fixture;
    server.hooks = {
      received: () => {
        seen.push(engine.now());
        burn(3);
        seen.push(engine.now());
        engine.defer(() => seen.push(engine.now()));
      },
    };
    client.write(bytesOf('x'));
    await fixture.until(() => seen.length === 3);
    expect(new Set(seen).size).toBe(1);
  });

  fixture.it('of the wall stands still within a callback and its deferred works', async () => {
    const [client, server] = await fixture.pair();
    const seen: Ms[] = [];
    const { engine } = fixture;
    server.hooks = {
      received: () => {
        seen.push(engine.wallNow());
        burn(3);
        seen.push(engine.wallNow());
        engine.defer(() => seen.push(engine.wallNow()));
      },
    };
    client.write(bytesOf('x'));
    await fixture.until(() => seen.length === 3);
    expect(new Set(seen).size).toBe(1);
  });

  fixture.it('goes on between turns', async () => {
    const before = fixture.engine.now();
    await fixture.elapse(12);
    expect(fixture.engine.now() - before).toBeGreaterThanOrEqual(12);
  });

  fixture.it('of the wall goes on as the other does', async () => {
    const [before, wallBefore] = [fixture.engine.now(), fixture.engine.wallNow()];
    await fixture.elapse(20);
    const [after, wallAfter] = [fixture.engine.now(), fixture.engine.wallNow()];
    expect(Math.abs(wallAfter - wallBefore - (after - before))).toBeLessThan(10);
  });

  fixture.it('never goes back', async () => {
    const [client, server] = await fixture.pair();
    server.keeps = false;
    let last = 0;
    let wrong = 0;
    server.hooks = {
      received: (end) => {
        const now = end.engine.now();
        if (now < last) wrong++;
        last = now;
      },
    };
    pour(client, 1 << 20);
    await fixture.until(() => server.got === 1 << 20);
    expect(wrong).toBe(0);
  });

  fixture.it('of the wall is the time of day', () => {
    const now = fixture.engine.wallNow();
    if (fixture.world === undefined) expect(Math.abs(now - Date.now())).toBeLessThan(1000);
    else expect(now).toBe(fixture.world.wallNow());
    expect(now).toBeGreaterThan(1_577_836_800_000);
  });

  fixture.it('is asked from outside of any turn too', async () => {
    const one = fixture.engine.now();
    await fixture.settle();
    expect(fixture.engine.now()).toBeGreaterThanOrEqual(one);
  });
});

engineCases('deferred work', (fixture) => {
  fixture.it('never runs within the call', async () => {
    let ran = false;
    fixture.engine.defer(() => {
      ran = true;
    });
    expect(ran).toBe(false);
    await fixture.until(() => ran);
  });

  fixture.it('runs though nothing else happens', async () => {
    await fixture.settle();
    let ran = false;
    fixture.engine.defer(() => {
      ran = true;
    });
    await fixture.until(() => ran);
  });

  fixture.it('runs in the order in which it was asked for', async () => {
    const order: number[] = [];
    for (let i = 0; i < 100; i++) fixture.engine.defer(() => order.push(i));
    await fixture.until(() => order.length === 100);
    expect(order).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  fixture.it('of a callback runs after that callback has returned', async () => {
    const [client, server] = await fixture.pair();
    const order: string[] = [];
    server.hooks = {
      received: (end) => {
        end.engine.defer(() => order.push('deferred'));
        order.push('callback');
      },
    };
    client.write(bytesOf('x'));
    await fixture.until(() => order.length === 2);
    expect(order).toEqual(['callback', 'deferred']);
  });

  fixture.it('of a callback runs before what the callback began can be answered', async () => {
    const bound = await fixture.listen();
    const order: string[] = [];
    const [client, server] = await fixture.pair();
    server.hooks = {
      received: (end) => {
        const next: End = fixture.end(fixture.engine, { connected: () => order.push('connected') });
        next.conn = end.engine.connect(bound.address, {}, next);
        end.engine.defer(() => order.push('deferred'));
      },
    };
    client.write(bytesOf('x'));
    await fixture.until(() => order.includes('connected'));
    expect(order).toEqual(['deferred', 'connected']);
  });

  fixture.it('of a deadline runs', async () => {
    let ran = false;
    const { engine } = fixture;
    const slot = engine.timers.add({
      expired: () =>
        engine.defer(() => {
          ran = true;
        }),
    });
    engine.timers.arm(slot, engine.now() + 3);
    await fixture.until(() => ran);
  });

  fixture.it('of accepted runs', async () => {
    let ran = false;
    const bound = await fixture.listen({
      onAccepted: (end) =>
        end.engine.defer(() => {
          ran = true;
        }),
    });
    fixture.dial(bound.address);
    await fixture.until(() => ran);
  });

  fixture.it('of a deferred work runs too', async () => {
    let depth = 0;
    const deeper = (): void => {
      if (depth++ < 10) fixture.engine.defer(deeper);
    };
    fixture.engine.defer(deeper);
    await fixture.until(() => depth === 11);
  });

  fixture.it('may close the connection whose callback asked for it', async () => {
    const [client, server] = await fixture.pair();
    server.hooks = { received: (end) => end.engine.defer(() => end.isOpen && end.close()) };
    client.write(bytesOf('x'));
    await fixture.until(() => client.has('ended'));
    expect(server.isOpen).toBe(false);
  });
});

engineCases('the end of a turn', (fixture) => {
  fixture.it('comes after the turn’s deferred works', async () => {
    const [client, server] = await fixture.pair();
    const order: string[] = [];
    server.hooks = {
      received: (end) => {
        end.engine.atTurnEnd(() => order.push('end'));
        end.engine.defer(() => order.push('deferred'));
      },
    };
    client.write(bytesOf('x'));
    await fixture.until(() => order.includes('end'));
    expect(order).toEqual(['deferred', 'end']);
  });

  fixture.it('never comes within the call', async () => {
    let ran = false;
    fixture.engine.atTurnEnd(() => {
      ran = true;
    });
    expect(ran).toBe(false);
    await fixture.until(() => ran);
  });

  fixture.it('is told once for each time that it was asked for', async () => {
    const [client, server] = await fixture.pair();
    let asked = 0;
    let ends = 0;
    const hook = (): void => {
      ends++;
    };
    server.hooks = {
      received: (end) => {
        asked++;
        end.engine.atTurnEnd(hook);
      },
    };
    for (let round = 1; round <= 5; round++) {
      client.write(bytesOf('x'));
      await fixture.until(() => ends === round && asked === round);
    }
    await fixture.settle();
    expect(ends).toBe(5);
  });

  fixture.it('gathers what the callbacks of one turn have to say', async () => {
    const bound = await fixture.listen();
    const clients = Array.from({ length: 30 }, () => fixture.dial(bound.address));
    await fixture.until(() => bound.accepted.length === 30 && clients.every((each) => each.has('connected')));
    let lines: string[] = [];
    const writes: string[][] = [];
    let asked = false;
    for (const each of bound.accepted) {
      each.hooks = {
        received: (end) => {
          lines.push(end.text());
          if (asked) return;
          asked = true;
          end.engine.atTurnEnd(() => {
            asked = false;
            writes.push(lines);
            lines = [];
          });
        },
      };
    }
    for (const [index, client] of clients.entries()) client.write(bytesOf(`${index}`.padStart(2, '0')));
    await fixture.until(() => bound.accepted.every((each) => each.got === 2) && lines.length === 0);
    expect(writes.flat().length).toBeGreaterThanOrEqual(30);
    expect(writes.every((each) => each.length > 0)).toBe(true);
  });
});
