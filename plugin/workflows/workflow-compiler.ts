import { ThreadsBusyError, WorkThreads, WorkTimeoutError } from '@dataflower/common';
import { ApiError, overloaded } from '@dataflower/common/http';
import type { Graph } from '@dataflower/composer/graph';
import type { Parameter } from '../entities/parameters.js';
import { type CompiledText, type CompileWork, type CompileWorkText, compileWorkflow, type Refused } from './compile.js';

/** Workflows up to this size are compiled on the event loop: that takes some milliseconds at most. */
const SMALL_CHARS = 64 * 1024;
/** Large workflows are compiled one at a time. */
const MAX_THREADS = 1;
const MAX_WAITING = 64;
const THREAD_HEAP_MIB = 1024;
const TIME_LIMIT_MS = 30_000;

export interface CompiledWorkflow {
  readonly graph: Graph;
  readonly digest: string;
  /** Length of its JSON, or a bound of it. */
  readonly chars: number;
}

/** A compilation is never aborted: its time is bounded. */
const NEVER = new AbortController().signal;

/** Checks graphs and compiles compositions: large ones in a thread, so that they do not block the event loop. */
export class WorkflowCompiler {
  readonly #threads: WorkThreads<CompileWorkText, CompiledText>;

  /** @param maxWaiting Large workflows that wait for the thread; further ones are refused. */
  constructor(maxWaiting = MAX_WAITING) {
    this.#threads = new WorkThreads({
      script: new URL('./compile-thread.js', import.meta.url),
      maxThreads: MAX_THREADS,
      maxWaiting,
      heapMiB: THREAD_HEAP_MIB,
      timeLimitMs: TIME_LIMIT_MS,
    });
  }

  /**
   * Throws `ApiError`: 400 for a graph that cannot run, with a text that begins with `what`; 503 when too many workflows
   * wait, or the machine is too busy.
   *
   * @param mostChars Upper bound of the graph's JSON, where the caller knows one.
   */
  async graph(graph: unknown, what: string, mostChars = Infinity): Promise<CompiledWorkflow> {
    const compiled = await this.#compile({ type: 'graph', graph }, mostChars);
    if ('refused' in compiled) throw new ApiError(400, `${what} cannot run: ${compiled.refused}`);
    return compiled;
  }

  /**
   * The composition of an action that Composer's deployment, or ours, has put. Throws `ApiError` like `graph`.
   *
   * @param code Reads the action's code; called only when the annotation cannot be compiled.
   * @param mostChars Upper bound of the annotations' JSON, where the caller knows one.
   */
  async composition(
    annotations: readonly Parameter[],
    code: () => Promise<string | undefined>,
    mostChars = Infinity,
  ): Promise<CompiledWorkflow> {
    const annotated = await this.#compile({ type: 'composition', annotations, code: undefined }, mostChars);
    if (!('refused' in annotated)) return annotated;
    const text = annotated.isTooLarge === true ? undefined : await code();
    if (text === undefined) throw new ApiError(400, annotated.refused);
    const lowered = await this.#compile({ type: 'composition', annotations, code: text }, mostChars + text.length);
    if ('refused' in lowered) throw new ApiError(400, lowered.refused);
    return lowered;
  }

  async #compile(work: CompileWork, mostChars: number): Promise<CompiledWorkflow | Refused> {
    if (mostChars <= SMALL_CHARS) return compileHere(work, mostChars);
    const json = JSON.stringify(work.type === 'graph' ? work.graph : work.annotations) ?? 'null';
    const code = work.type === 'graph' ? undefined : work.code;
    const chars = json.length + (code?.length ?? 0);
    if (chars <= SMALL_CHARS) return compileHere(work, chars);
    const compiled = await this.#inThread({ type: work.type, json, code });
    if ('refused' in compiled) return compiled;
    const { digest } = compiled;
    if (work.type === 'graph') return { graph: work.graph as Graph, digest, chars };
    return { graph: JSON.parse(compiled.graph!) as Graph, digest, chars: compiled.graph!.length };
  }

  async #inThread(work: CompileWorkText): Promise<CompiledText> {
    try {
      return await this.#threads.run(work, NEVER);
    } catch (error) {
      if (error instanceof ThreadsBusyError || error instanceof WorkTimeoutError) throw overloaded(error);
      if ((error as { code?: unknown }).code === 'ERR_WORKER_OUT_OF_MEMORY')
        return { refused: `it takes more than ${THREAD_HEAP_MIB} MiB of memory to compile`, isTooLarge: true };
      throw error;
    }
  }
}

function compileHere(work: CompileWork, chars: number): CompiledWorkflow | Refused {
  const compiled = compileWorkflow(work);
  return 'refused' in compiled ? compiled : { ...compiled, chars };
}
