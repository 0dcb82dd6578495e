import { parseBenchArguments } from './arguments.js';
import { UsageError } from '../platform/usage-error.js';

describe('arguments of a bench', () => {
  it('name one', () => {
    expect(parseBenchArguments(['hop', '--json'])).toEqual({
      name: 'hop',
      json: true,
      help: false,
      anyNoise: false,
      rounds: 7,
      driver: 'process',
    });
  });

  it('ask for help without a name', () => {
    expect(parseBenchArguments(['--help']).help).toBe(true);
  });

  it('are refused with what there is', () => {
    expect(() => parseBenchArguments([])).toThrow(/Which bench\? Give one of hop, throughput/);
    expect(() => parseBenchArguments(['hopp'])).toThrow('There is no bench "hopp"');
    expect(() => parseBenchArguments(['toString'])).toThrow(UsageError);
    expect(() => parseBenchArguments(['hop', 'pass'])).toThrow(UsageError);
    expect(() => parseBenchArguments(['hop', '--jsn'])).toThrow(/usage: npm run bench/);
  });

  it('choose what containers are, where it makes a difference', () => {
    expect(parseBenchArguments(['cold-chain']).driver).toBe('process');
    expect(parseBenchArguments(['cold-start']).driver).toBe('docker');
    expect(parseBenchArguments(['cold-start', '--driver', 'process']).driver).toBe('process');
    expect(() => parseBenchArguments(['cold-start', '--driver', 'podman'])).toThrow('--driver takes process or docker');
    expect(parseBenchArguments(['hop', '--driver', 'docker']).driver).toBe('docker');
    expect(() => parseBenchArguments(['invoke', '--driver', 'docker'])).toThrow('not for overlap, fanout, invoke');
  });

  it('take fewer rounds only for trying out', () => {
    expect(() => parseBenchArguments(['hop', '--rounds', '3'])).toThrow('from 7 to 1000');
    expect(parseBenchArguments(['hop', '--rounds', '3', '--any-noise']).rounds).toBe(3);
    expect(() => parseBenchArguments(['hop', '--rounds', 'x'])).toThrow(UsageError);
  });
});
