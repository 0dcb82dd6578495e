/** A range of IPv4 addresses: first and last, as numbers. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

/** Of `10.0.0.0/8`. */
export function networkOf(text: string): Range {
  const [address = '', bits = '32'] = text.split('/');
  const size = 2 ** (32 - Number(bits));
  const first = Math.floor(numberOf(address) / size) * size;
  return { first, last: first + size - 1 };
}

export function overlap(a: Range, b: Range): boolean {
  return a.first <= b.last && b.first <= a.last;
}

export function isWithin(address: string, { first, last }: Range): boolean {
  const number = numberOf(address);
  return first <= number && number <= last;
}

function numberOf(address: string): number {
  return address.split('.').reduce((number, part) => number * 256 + Number(part), 0);
}
