/** The target of a figure and the next one; null where there is none. */
export interface Goal {
  readonly target: number | null;
  readonly stretch: number | null;
}

export interface Figure extends Goal {
  readonly figure: number;
}

export type Better = 'lower' | 'higher';

/** Where a figure was measured. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  /** The version under test; `null` when this is not a clone. A `+` says that files were changed. */
  readonly commit: string | null;
}

/** The output of `--json`. */
export interface BenchResult extends Figure {
  readonly name: string;
  readonly unit: string;
  readonly better: Better;
  readonly baseline: { readonly figure: number; readonly unit: string };
  readonly also: Readonly<Record<string, Figure>>;
  /** How many single measurements of the platform are behind the figure. */
  readonly samples: number;
  readonly machine: Machine;
}

/** One line of the text report. */
export interface Row {
  readonly what: string;
  readonly figure: number;
  readonly unit: string;
  /** Shown where this row has a goal of its own. */
  readonly goal?: Goal;
}

/** The outcome of a bench: the result for machines, and the rows and notes for people. */
export interface Measured {
  readonly result: Omit<BenchResult, 'machine' | 'name'>;
  readonly rows: readonly Row[];
  readonly notes: readonly string[];
}

/** Four significant digits, and no more than a reader needs of a large number. */
export function rounded(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4));
}

export function verdict(figure: number, better: Better, { target, stretch }: Goal): string {
  const reaches = (goal: number): boolean => (better === 'lower' ? figure <= goal : figure >= goal);
  if (stretch !== null && reaches(stretch)) return 'stretch met';
  if (target === null) return '';
  if (reaches(target)) return 'met';
  const off = better === 'lower' ? figure / target - 1 : 1 - figure / target;
  return `missed by ${Math.round(off * 100)} %`;
}
