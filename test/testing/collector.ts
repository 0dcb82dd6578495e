import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Json } from './api.js';

/** A span as OTLP's JSON has it. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: Readonly<Record<string, Json>>;
  readonly links?: readonly { readonly spanId: string }[];
  readonly status: { readonly code?: number };
}

/** An OpenTelemetry collector that takes OTLP over HTTP on the loopback, and keeps what it gets. */
export class Collector {
  readonly spans: ReceivedSpan[] = [];
  /** Headers of each request. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>[] = [];
  readonly resources: Readonly<Record<string, Json>>[] = [];
  /** Its answer. */
  status = 200;

  readonly #server: Server;

  private constructor(
    server: Server,
    readonly url: string,
  ) {
    this.#server = server;
  }

  static async start(port = 0): Promise<Collector> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    const collector = new Collector(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        collector.headers.push(request.headers);
        if (collector.status === 200 && request.url === '/v1/traces') collector.#take(Buffer.concat(chunks).toString());
        response.writeHead(collector.status, { 'content-type': 'application/json' });
        response.end('{}');
      });
    });
    return collector;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(text: string): void {
    for (const { resource, scopeSpans } of JSON.parse(text).resourceSpans) {
      this.resources.push(attributesOf(resource.attributes));
      for (const { spans } of scopeSpans)
        for (const span of spans) this.spans.push({ ...span, attributes: attributesOf(span.attributes) });
    }
  }
}

function attributesOf(list: readonly { readonly key: string; readonly value: Json }[] = []): Record<string, Json> {
  return Object.fromEntries(list.map(({ key, value }) => [key, Object.values(value)[0]]));
}
