import type { NodeStatus } from '../common/status.ts';
import { type FlowCounts, LONG_IN_FLOW } from './flow-counts.ts';

export interface HeldUpLightOwner {
  /** Whether the broker may send no more at QoS 1 and 2, or is not read, until flows are done with something. */
  isHeldUp(): boolean;
  /** Of the nodes whose flows acknowledge. */
  flows(): readonly FlowCounts[];
  /** {@link HeldUpLight.isOn} has changed. */
  changed(): void;
}

/** Milliseconds between two looks. */
const LOOK = 1000;

/** What the nodes of the connection show that wait for the flow of another one. */
export const HELD_UP: NodeStatus = { fill: 'yellow', shape: 'ring', text: 'held up by a flow that is not done' };

/** Looks from time to time whether a flow that is not done holds up what comes for the others, so that no message costs anything. */
export class HeldUpLight {
  readonly #owner: HeldUpLightOwner;
  #timer: NodeJS.Timeout | undefined;
  #isOn = false;

  constructor(owner: HeldUpLightOwner) {
    this.#owner = owner;
  }

  /** Not while the flows go on: that all have as much as they may is no news. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** Unless it looks already. */
  begin(): void {
    this.#timer ??= setInterval(() => this.#look(), LOOK).unref();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#isOn = false;
  }

  #look(): void {
    const isOn = this.#owner.flows().some(({ oldest }) => oldest >= LONG_IN_FLOW) && this.#owner.isHeldUp();
    if (isOn === this.#isOn) return;
    this.#isOn = isOn;
    this.#owner.changed();
  }
}
