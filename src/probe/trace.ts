import { isIP } from 'node:net';
import type { Certificate, DialEvent } from '../transport/dial-watch.ts';
import type { ServerAddress } from '../transport/server.ts';
import type { Clock } from '../util/clock.ts';
import type { Passed, Stage, Step } from './report.ts';

/** The stages of one attempt, with the time that each took. */
export class Trace {
  readonly #clock: Clock;
  readonly #server: ServerAddress;
  readonly #steps: Step[] = [];
  readonly #addresses: string[] = [];
  #stage: Stage;
  #since: number;
  #proxy: string | undefined;
  #certificate: Certificate | undefined;

  constructor(server: ServerAddress, clock: Clock) {
    this.#clock = clock;
    this.#server = server;
    this.#stage = isIP(server.host) === 0 ? 'resolve' : 'connect';
    this.#since = clock.now();
  }

  get steps(): readonly Step[] {
    return this.#steps;
  }

  /** The one that is under way, and the milliseconds that it has taken. */
  get stage(): Stage {
    return this.#stage;
  }

  get milliseconds(): number {
    return this.#clock.now() - this.#since;
  }

  get certificate(): Certificate | undefined {
    return this.#certificate;
  }

  see(event: DialEvent): void {
    switch (event.kind) {
      case 'proxy':
        this.#proxy = event.proxy;
        this.#stage = 'proxy';
        return;
      case 'resolved':
        return this.#resolved(event.address);
      case 'opened':
        return this.#pass({ stage: 'connect', address: event.address, port: event.port }, this.#afterOpening);
      case 'tunnelled':
        return this.#pass({ stage: 'proxy', proxy: this.#proxy ?? '' }, this.#afterOpening);
      case 'certificate':
        this.#certificate = event.certificate;
        return;
      case 'secured': {
        const { protocol, unverified } = event;
        const next = this.#server.scheme === 'wss' ? 'upgrade' : 'mqtt';
        return this.#pass({ stage: 'secure', protocol, certificate: this.#certificate, unverified }, next);
      }
    }
  }

  /** The dial is over: a byte stream to the Server is there. */
  dialled(): void {
    if (this.#stage === 'upgrade') this.#pass({ stage: 'upgrade' }, 'mqtt');
    else this.#begin('mqtt');
  }

  accepted(passed: Extract<Passed, { stage: 'mqtt' }>): void {
    this.#pass(passed, 'mqtt');
  }

  /** The others follow at once, and took no time of their own. */
  #resolved(address: string): void {
    this.#addresses.push(address);
    if (this.#addresses.length === 1) this.#pass({ stage: 'resolve', addresses: this.#addresses }, 'connect');
  }

  get #afterOpening(): Stage {
    switch (this.#server.scheme) {
      case 'mqtt':
        return 'mqtt';
      case 'ws':
        return 'upgrade';
      case 'mqtts':
      case 'wss':
        return 'secure';
    }
  }

  #pass(passed: Passed, next: Stage): void {
    this.#steps.push({ ...passed, milliseconds: this.milliseconds });
    this.#begin(next);
  }

  #begin(stage: Stage): void {
    this.#stage = stage;
    this.#since = this.#clock.now();
  }
}
