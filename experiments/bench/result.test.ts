import { report } from './report.js';
import { type BenchResult, rounded, verdict } from './result.js';
import { betterOf } from './targets.js';

describe('a figure', () => {
  it('has four digits, or all before the point', () => {
    expect(rounded(0.123456)).toBe(0.1235);
    expect(rounded(21.2345)).toBe(21.23);
    expect(rounded(123456.7)).toBe(123457);
  });

  it('is judged by which way is better', () => {
    const goal = { target: 2.5, stretch: 1.8 };
    expect(verdict(1.8, 'lower', goal)).toBe('stretch met');
    expect(verdict(2.5, 'lower', goal)).toBe('met');
    expect(verdict(3, 'lower', goal)).toBe('missed by 20 %');
    expect(verdict(0.3, 'higher', { target: 0.6, stretch: null })).toBe('missed by 50 %');
    expect(verdict(1, 'lower', { target: null, stretch: null })).toBe('');
    expect(betterOf('invoke', 'rate')).toBe('higher');
    expect(betterOf('throughput', 'different')).toBe('higher');
  });
});

describe('the report', () => {
  it('shows rows, the figure and every other figure with its goal', () => {
    const machine = { cpu: 'a cpu', cores: 2, memoryGiB: 8, kernel: '6', node: 'v20', commit: 'abc' };
    const result: BenchResult = {
      name: 'invoke',
      figure: 3,
      unit: '× HTTP echo',
      better: 'lower',
      target: 3.5,
      stretch: 2.5,
      baseline: { figure: 100, unit: 'µs' },
      also: { rate: { figure: 0.3, target: 0.6, stretch: null } },
      samples: 7,
      machine,
    };
    const rows = [{ what: 'C: invocation', figure: 1234.5, unit: 'µs' }];
    const text = report('invoke', result, { result, rows, notes: ['A note.'] });
    expect(text).toContain('C: invocation      1,235 µs');
    expect(text).toMatch(/invoke +3 +target ≤ 3\.5, stretch 2\.5: met/);
    expect(text).toMatch(/rate +0\.3 +target ≥ 0\.6: missed by 50 %/);
    expect(text).toContain('A note.');
  });
});
