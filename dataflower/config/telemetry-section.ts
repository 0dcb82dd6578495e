import { optionalUrl, secret, section, textLike, whole } from './keys.js';

/** Spans of activations, for a tracing system. */
export const telemetry = section({
  otlpEndpoint: optionalUrl('no spans are made', {
    about:
      'Address of an OpenTelemetry collector that takes OTLP over HTTP, as `http://127.0.0.1:4318`; `/v1/traces` is appended where there is no path.',
    whenToChange: 'Runs are to be seen beside those of other services: set it on every process.',
  }),
  otlpHeaders: secret('none', {
    about: 'Headers for the collector: `name=value`, several separated by commas.',
    whenToChange: 'The collector answers 401 or 403: set what it asks for, best in the environment.',
  }),
  serviceName: textLike('dataflower', /^[\w.-]{1,64}$/, 'up to 64 letters, digits and `_ . -`', {
    about: 'The `service.name` of the spans.',
    whenToChange: 'Two installations are seen as one: give each its own.',
  }),
  samplePercent: whole(100, 1, 100, {
    about:
      'Share of the activations that leave spans, in percent; a request with a `traceparent` decides itself by its flag.',
    whenToChange: 'The collector is flooded, or `dataflower_spans_dropped_total` grows: lower it.',
  }),
});
