/** The annotation `dataflow` of a function's record (DV-5). */
export interface DataflowAnnotation {
  /** Id of the node; undefined outside of a workflow. */
  readonly node: string | undefined;
  /** Scatter indices of the instance; undefined outside of a workflow. */
  readonly tag: readonly number[] | undefined;
  /** Activation id of the part whose value completed the inputs; undefined: the caller's value did. */
  readonly after: string | undefined;
  /** When all inputs were there, in ms since the epoch, like the other moments. */
  readonly queued: number;
  /** From the wish for a container until it was told what to run, in ms; undefined for a warm one. */
  readonly boot: number | undefined;
  /** Loading of the code, in ms; undefined for a warm container. */
  readonly init: number | undefined;
  readonly started: number;
  readonly firstOutput: number;
  readonly ended: number;
  readonly lastByte: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly host: string;
  readonly container: string;
  readonly coldStart: boolean;
}

/** The annotation `dataflow` of a workflow's record: its place in an outer workflow, and where its result came from. */
export interface WorkflowDataflowAnnotation {
  readonly node?: string;
  readonly tag?: readonly number[];
  readonly after?: string;
  /** Activation id of the part that gave the result or the error. */
  readonly last?: string;
}

/** The annotation of any record, also of one that an older version has written. */
export type RecordedDataflow = Partial<DataflowAnnotation> & Pick<WorkflowDataflowAnnotation, 'last'>;
