export async function startHttp(port: number): Promise<void> {
  void port;
}
