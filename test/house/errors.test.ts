import { loadCatalogue } from './reading.js';

const { errorClasses, readPage } = await loadCatalogue();
const classes = await errorClasses();
const coded = classes.flatMap(({ name, codes = [] }) => codes.map((code) => ({ code, name })));

describe('Every exported error class', () => {
  test('has a list of codes of its own', () => {
    expect(classes.filter(({ codes }) => codes === undefined).map(({ file, name }) => `${name} of ${file}`)).toEqual(
      [],
    );
  });

  test('has a name of its own that ends in Error', () => {
    const names = classes.map(({ name }) => name);
    expect(names.filter((name) => !name.endsWith('Error'))).toEqual([]);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  });

  test('has codes in capitals that no other class has', () => {
    const codes = coded.map(({ code }) => code);
    expect(codes.filter((code) => !/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/.test(code))).toEqual([]);
    expect(codes.filter((code, i) => codes.indexOf(code) !== i)).toEqual([]);
  });
});

describe('docs/errors.md', () => {
  const rows = readPage();

  test('has a row for each code, with its class', () => {
    const known = rows.map(({ code, className }) => `${code} of ${className}`).sort();
    expect(known).toEqual(coded.map(({ code, name }) => `${code} of ${name}`).sort());
  });

  test('says of each code when it comes and what to do', () => {
    const silent = rows.filter(({ when, advice }) => when === '' || advice === '' || advice === 'TODO');
    expect(silent.map(({ code }) => code)).toEqual([]);
  });
});
