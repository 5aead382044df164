import type { Seat, Withheld } from './seat.ts';

/** What one SUBSCRIBE brings of what the Server retains: for whom it is not, and what of it came. */
export class RetainedWindow {
  /** Of the SUBSCRIBE, if it has one. */
  readonly identifier: number | undefined;
  readonly rules: Map<Seat, Withheld>;
  /** Topics of which any has come. */
  readonly topics = new Set<string>();
  /** Topics of which what came last before has come once more: one like it after that is live. */
  readonly repeated = new Set<string>();
  /** Topics of which a copy was not for those for whom it is asked again. */
  readonly again = new Set<string>();

  constructor(identifier: number | undefined, rules: Map<Seat, Withheld>) {
    this.identifier = identifier;
    this.rules = rules;
  }

  /** Whether somebody is asked for again who may have some of it. */
  get isAgain(): boolean {
    return [...this.rules.values()].includes('again');
  }

  /** Whether a copy with these identifiers came by that SUBSCRIBE or a live subscription, and not by an earlier one. */
  isToldBy(identifiers: readonly number[] | undefined): boolean {
    return this.identifier !== undefined && identifiers?.[0] === this.identifier;
  }

  /** Whether a copy may be what that SUBSCRIBE brings. What comes for several filters is live. */
  isOf(identifiers: readonly number[] | undefined): boolean {
    if (identifiers === undefined || identifiers.length === 0) return true;
    if (identifiers.length > 1) return false;
    return this.identifier === undefined || this.identifier === identifiers[0];
  }
}
