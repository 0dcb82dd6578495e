/** Default for the part of a shared total that a single holder may have, in percent. */
export const DEFAULT_SHARE_PERCENT = 90;

/**
 * Shares a bounded total without fixed parts: the more is left, the more each holder may have (dynamic thresholds, Choudhury
 * and Hahne 1998). A single holder gets all but a reserve, n holders that want more get the same each, and something is left
 * at any time for a holder that has nothing. Constant work; holders need not be registered.
 */
export class FairShare {
  /** Part of the total that a single holder leaves. */
  readonly reserve: number;

  /** @param unit The reserve is a multiple of it, so that a new holder can use it. Default: 1. */
  constructor(
    readonly total: number,
    percent = DEFAULT_SHARE_PERCENT,
    unit = 1,
  ) {
    this.reserve = Math.round((total * (100 - percent)) / 100 / unit) * unit;
  }

  /** Most that a single holder may have. */
  get most(): number {
    return this.total - this.reserve;
  }

  /** Most that one holder may have in all when the others have `others` together. */
  mostBeside(others: number): number {
    return Math.floor((this.most * (this.total - others)) / this.total);
  }

  /** True when one holder may have `mine` in all and `left` is left for all then. */
  allows(mine: number, left: number): boolean {
    return this.reserve * mine <= left * this.most;
  }
}
