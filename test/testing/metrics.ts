import type { Api } from './api.js';

const LOOK_MS = 20;

/** The metrics of a server as they are after this call: it renders them once a second and gives all who ask the same text. */
export async function metricsNow(api: Api): Promise<string> {
  const read = async (): Promise<string> => (await api.get('/metrics')).text;
  const before = await read();
  for (;;) {
    const text = await read();
    // Memory in use is among them: no two renderings are the same.
    if (text !== before) return text;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
