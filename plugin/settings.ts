/** Bounds of one limit of an action, and the value of an action that names none. */
interface Range {
  readonly min: number;
  readonly default: number;
  readonly max: number;
}

/** Limits of entities, payloads and results. Section `limits` of the configuration. */
export interface LimitSettings {
  readonly memoryMiB: Range;
  readonly timeoutMs: Range;
  readonly logsMiB: Range;
  readonly concurrency: Range;
  /** Most actions of a sequence, nested sequences counted through. */
  readonly sequenceLength: number;
  readonly codeBytes: number;
  readonly parametersBytes: number;
  readonly payloadBytes: number;
  /** Longest wait of a blocking invocation before its 202, in ms. */
  readonly blockingWaitMs: number;
}

/** Limits of a namespace's invocations. Section `throttles` of the configuration. */
export interface ThrottleSettings {
  readonly invocationsPerMinute: number;
  readonly concurrentInvocations: number;
  readonly firesPerMinute: number;
  /** Most activations of all namespaces that are accepted and not yet answered. */
  readonly queuedActivations: number;
}

/** The HTTP server of the API. Section `server` of the configuration. */
export interface ServerSettings {
  readonly host: string;
  readonly port: number;
  /** Further host names under which clients may call (DV-14). */
  readonly names: readonly string[];
  readonly maxConnections: number;
  readonly maxBodyBytes: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
}

/** Settings of the gateway. A checked configuration has this shape; its keys are documented there. */
export interface GatewaySettings {
  readonly server: ServerSettings;
  readonly limits: LimitSettings;
  readonly throttles: ThrottleSettings;
  readonly containers: { readonly images: { readonly allowed: readonly string[] } };
}
