import { ThreadsBusyError, WorkThreads, WorkTimeoutError } from '@dataflower/common';
import { ApiError, overloaded } from '@dataflower/common/http';
import type { Graph } from '@dataflower/composer/graph';
import type { Parameter } from '../entities/parameters.js';
import { type CompiledText, type CompileWork, type CompileWorkText, compileWorkflow } from './compile.js';

/** A workflow of fewer characters is compiled at once: that takes no longer than some milliseconds. */
const SMALL_CHARS = 64 * 1024;
/** Large ones wait for each other. */
const MAX_THREADS = 1;
const MAX_WAITING = 64;
const THREAD_HEAP_MIB = 1024;
const TIME_LIMIT_MS = 30_000;

export interface CompiledWorkflow {
  readonly graph: Graph;
  readonly digest: string;
  /** Length of its JSON, or of what it was made of. */
  readonly chars: number;
}

/** A compilation is not taken back: its time is bounded. */
const NEVER = new AbortController().signal;

/** Checks graphs and compiles compositions. Large ones have a thread, so that none holds up the server. */
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

  /** Throws `ApiError`: 400 for a graph that cannot run, after `what`; 503 when too many wait, or the machine is too busy. */
  async graph(graph: unknown, what: string): Promise<CompiledWorkflow> {
    const json = JSON.stringify(graph) ?? 'null';
    try {
      return await this.#compile({ type: 'graph', graph }, json, undefined);
    } catch (error) {
      throw error instanceof RefusedError ? new ApiError(400, `${what} cannot run: ${error.message}`) : error;
    }
  }

  /** The composition that Composer's deployment, or ours, has left in an action. Throws `ApiError` like `graph`. */
  async composition(annotations: readonly Parameter[], code: string | undefined): Promise<CompiledWorkflow> {
    try {
      return await this.#compile({ type: 'composition', annotations, code }, JSON.stringify(annotations), code);
    } catch (error) {
      throw error instanceof RefusedError ? new ApiError(400, error.message) : error;
    }
  }

  async #compile(work: CompileWork, json: string, code: string | undefined): Promise<CompiledWorkflow> {
    const chars = json.length + (code?.length ?? 0);
    if (chars <= SMALL_CHARS) {
      const compiled = compileWorkflow(work);
      if ('refused' in compiled) throw new RefusedError(compiled.refused);
      return { ...compiled, chars };
    }
    const compiled = await this.#inThread({ type: work.type, json, code });
    if ('refused' in compiled) throw new RefusedError(compiled.refused);
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
        throw new RefusedError(`it takes more than ${THREAD_HEAP_MIB} MiB of memory to compile`);
      throw error;
    }
  }
}

class RefusedError extends Error {}
