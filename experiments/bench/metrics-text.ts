const LOOK_MS = 20;

/** The metrics of a server as they are after this call: it renders them once a second and gives all who ask the same text. */
export async function metricsNow(url: URL): Promise<string> {
  const read = async (): Promise<string> => (await fetch(new URL('/metrics', url))).text();
  const before = await read();
  for (;;) {
    const text = await read();
    // Memory in use is among them: no two renderings are the same.
    if (text !== before) return text;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
