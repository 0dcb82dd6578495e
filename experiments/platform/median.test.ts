import { median, quantile } from './median.js';

describe('median and quantile', () => {
  it('do not depend on the order of the values', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([10, 2, 1, 9])).toBe(5.5);
  });

  it('compare numbers as numbers', () => {
    expect(median([100, 9, 20])).toBe(20);
  });

  it('interpolate between neighbours', () => {
    expect(quantile([0, 10], 0.25)).toBe(2.5);
    expect(quantile([3], 0.99)).toBe(3);
    expect(quantile([1, 2, 3], 1)).toBe(3);
  });

  it('are not a number for no values, and leave the values as they were', () => {
    expect(median([])).toBeNaN();
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });
});
