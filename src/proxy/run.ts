// One exchange being driven: ties it to the client's connection, the peer's, a file or a timer. Obeys its commands and brings it events.

import { isFileError } from '../base/file-error.ts';
import type { Ms } from '../base/time.ts';
import type { Conn, TimerOwner, TimerSlot } from '../io/engine.ts';
import type { ClientConnection } from './client-connection.ts';
import type { Driver } from './driver.ts';
import { type Command, type Event, type Exchange, type FilePart, step } from './exchange.ts';
import { silence } from './finish.ts';
import type { PeerConnection } from './peer-connection.ts';
import { startTunnel } from './tunnel-start.ts';

/** A file that is being sent: read at the client's pace. */
interface FileSource {
  readonly file: number;
  at: number;
  to: number;
  readonly further: FilePart[];
}

export class ExchangeRun implements TimerOwner {
  readonly x: Exchange;
  readonly driver: Driver;
  /** Undefined for a subrequest. */
  readonly client: ClientConnection | undefined;
  peer: PeerConnection | undefined;
  private file: FileSource | undefined;
  private timer: TimerSlot = -1;
  private obeying = false;
  private over = false;
  /** Subrequests under way. */
  readonly children: ExchangeRun[] = [];

  constructor(x: Exchange, driver: Driver, client: ClientConnection | undefined) {
    this.x = x;
    this.driver = driver;
    this.client = client;
  }

  /** Something happened: the exchange decides, then what it wants is done. */
  event(event: Event): void {
    const { engine } = this.driver;
    step(this.x, event, engine.now(), engine.wallNow());
    this.obey();
  }

  /** Does what is queued; what comes of it is queued behind, never done within. */
  obey(): void {
    if (this.obeying) return;
    this.obeying = true;
    for (let command = this.x.commands.shift(); command !== undefined; command = this.x.commands.shift()) {
      this.do(command);
    }
    this.obeying = false;
  }

  /** After a turn's work: what the client's connection holds back goes out, and an answer that has gone out ends the exchange. */
  settle(): void {
    this.client?.settle();
    if (this.client === undefined && this.x.answerEnded && this.x.phase !== 'log')
      this.event({ type: 'ended' });
  }

  private do(command: Command): void {
    switch (command.do) {
      case 'body':
        return this.client === undefined ? this.event({ type: 'body' }) : this.client.readBody(command.how);
      case 'sleep':
        return this.sleep(command.until);
      case 'resolve':
        return this.driver.resolve(this, command.question);
      case 'connect':
        return this.driver.connect(this, command.peer, command.until);
      case 'send':
        return this.peer?.send(command.head, this.x.pass?.settings.headBytesMax ?? 4096);
      case 'release':
        this.peer?.release(command.keep);
        this.peer = undefined;
        return;
      case 'relay':
        return this.peer?.relay();
      case 'tunnel':
        return startTunnel(this.driver, this);
      case 'file':
        this.file = {
          file: command.file,
          at: command.from,
          to: command.to,
          further: [...command.further],
        };
        return this.pumpFile();
      case 'subrequest':
        return this.driver.beginSubrequest(this, command.options);
      case 'log':
        return this.end();
    }
  }

  /** The client has taken what waited. */
  answerDrained(): void {
    if (this.file !== undefined) this.pumpFile();
    this.peer?.resume();
  }

  /** Ends the request with a status that the driver found. */
  fail(status: number): void {
    this.x.finish(status);
    this.obey();
  }

  /** Ends the request with a status for the log alone: nobody is left to be answered. */
  hangUp(status: number): void {
    silence(this.x, status);
    this.obey();
  }

  /** Nothing more can be said to the client. */
  breakOff(): void {
    this.x.breakOff();
    this.obey();
  }

  /** Whoever takes the request's body has no room for more of it. */
  get requestFull(): boolean {
    const { body } = this.x;
    if (body.phase !== 'streaming') return false;
    return body.stream === undefined ? body.store?.full === true : this.peer?.full === true;
  }

  /** The peer has taken what waited of the request. */
  requestDrained(): void {
    this.client?.resumeBody();
  }

  /** The peer's connection is closed already. */
  peerGone(): void {
    this.peer = undefined;
  }

  /** Bytes that came with a 101, for the tunnel that has begun; it may have ended by what the client had sent ahead. */
  afterTunnel(conn: Conn, bytes: Uint8Array, start: number, end: number): void {
    const { tunnels } = this.driver;
    if (start < end && this.x.phase === 'tunnel' && tunnels.has(conn))
      tunnels.received(conn, bytes, start, end);
  }

  expired(_slot: TimerSlot, _now: Ms): void {
    this.event({ type: 'resumed' });
    this.settle();
  }

  private sleep(until: Ms): void {
    const { timers } = this.driver.engine;
    if (this.timer === -1) this.timer = timers.add(this);
    timers.arm(this.timer, until);
  }

  private pumpFile(): void {
    const source = this.file;
    const { x } = this;
    const { files, fileBuffer } = this.driver;
    while (source !== undefined && this.file === source && !x.sink.full) {
      const wanted = Math.min(fileBuffer.length, source.to - source.at);
      const got = wanted === 0 ? 0 : files.read(source.file, fileBuffer, 0, wanted, source.at);
      if (isFileError(got) || (got === 0 && wanted > 0)) {
        x.log(
          'alert',
          isFileError(got)
            ? `pread() failed (${got.errno}: ${got.text})`
            : 'a file was cut while it was sent',
        );
        this.closeFile();
        x.breakOff();
        return this.obey();
      }
      source.at += got;
      const last = source.at >= source.to && !nextPart(source);
      if (last) this.closeFile();
      x.out.push(fileBuffer, 0, got, last);
    }
  }

  private closeFile(): void {
    if (this.file !== undefined) this.driver.files.close(this.file.file);
    this.file = undefined;
  }

  /** A tunnel has both connections: the exchange is over, and nothing of it stays behind. */
  surrender(): void {
    this.over = true;
    this.peer = undefined;
    this.removeTimer();
  }

  private removeTimer(): void {
    if (this.timer !== -1) this.driver.engine.timers.remove(this.timer);
    this.timer = -1;
  }

  /** The exchange has ended: everything that it held is let go, its line is written. */
  private end(): void {
    if (this.over) return;
    this.over = true;
    this.closeFile();
    this.removeTimer();
    this.peer?.close();
    this.peer = undefined;
    for (const child of [...this.children]) child.breakOff();
    for (const filter of this.x.filters) filter.close?.();
    this.driver.exchangeEnded(this);
  }
}

/** Goes on to the file's next part; false when there is none. */
function nextPart(source: FileSource): boolean {
  const part = source.further.shift();
  if (part === undefined) return false;
  source.at = part.from;
  source.to = part.to;
  return true;
}
