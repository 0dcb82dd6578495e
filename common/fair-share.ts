/** Percent of what all share that one may have who is alone, where nothing else is configured. */
export const DEFAULT_SHARE_PERCENT = 90;

/**
 * How a bounded thing is shared without a plan of who gets what: each may have the more of it the more is left (dynamic
 * thresholds, Choudhury and Hahne 1998). One who is alone gets all but a reserve, n who want more get the same each, and
 * something is left at any time for one who has nothing. Constant work, and nothing to set up for those who share.
 */
export class FairShare {
  /** Left over by one who is alone. */
  readonly reserve: number;

  /** @param unit The reserve is a multiple of it, so that it is of use to one who comes. Default: 1. */
  constructor(
    readonly total: number,
    percent = DEFAULT_SHARE_PERCENT,
    unit = 1,
  ) {
    this.reserve = Math.round((total * (100 - percent)) / 100 / unit) * unit;
  }

  /** What one may have who is alone. */
  get most(): number {
    return this.total - this.reserve;
  }

  /** What one may have at most in all, the others having so much. */
  mostBeside(others: number): number {
    return Math.floor((this.most * (this.total - others)) / this.total);
  }

  /** True when one may have `mine` in all, `left` being left for everybody then. */
  allows(mine: number, left: number): boolean {
    return this.reserve * mine <= left * this.most;
  }
}
