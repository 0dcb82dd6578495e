/** Seconds of processor time that this process has used: does not grow while others keep the machine busy. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
