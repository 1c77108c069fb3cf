// SPDX-License-Identifier: Apache-2.0
/* Sends spans, log records and data points by the OpenTelemetry SDK for Node.js, and prints what it sent.
 *
 * client.mjs --endpoint http://HOST:PORT --protocol grpc|http|http_json [--count N]
 *
 * The last line printed is JSON, as tests/peers/python/client.py prints it. */
import { parseArgs } from 'node:util';
import { createTraceState, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import {
	ProtobufLogsSerializer, ProtobufMetricsSerializer, ProtobufTraceSerializer,
} from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { AggregationType, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';

const PACKAGES = { grpc: 'grpc', http: 'proto', http_json: 'http' };
const FLUSHES = 2;
/* No 1e300: the SDK takes every number without a fraction for an int64, and writes JSON that nobody reads. */
const ATTRIBUTES = {
	text: 'ä€😀', empty: '', yes: true, no: false, zero: 0, least: -(2 ** 53 - 1), most: 2 ** 53 - 1, half: 0.5, tiny: 1.5e-300,
	texts: ['a', '', 'b'], integers: [1, -1, 2 ** 40], doubles: [0.5, 1.25], truths: [true, false], nothing: [],
};
const NESTED = {
	map: { inner: { deep: [1, 'two', 3.5, null, { three: new Uint8Array([0, 255]) }] }, empty: {} },
	mixed: [1, 'a', true], bytes: new Uint8Array([0, 1, 254, 255]), null: null,
};

const { values: options } = parseArgs({ options: {
	endpoint: { type: 'string' }, protocol: { type: 'string' }, count: { type: 'string', default: '8' },
} });
const count = Number(options.count);
if (!options.endpoint || !PACKAGES[options.protocol] || !(count > 0)) {
	console.error('usage: client.mjs --endpoint http://HOST:PORT --protocol grpc|http|http_json [--count N]');
	process.exit(2);
}

const requests = [];
const failures = [];

/* An exporter that also keeps what it is given to send, encoded. */
async function exporter(kind, name, path, serializer) {
	const module = await import(`@opentelemetry/exporter-${kind}-otlp-${PACKAGES[options.protocol]}`);
	const url = options.protocol === 'grpc' ? options.endpoint : `${options.endpoint}/v1/${path}`;
	const made = new module[name]({ url });
	const send = made.export.bind(made);
	made.export = (data, done) => {
		requests.push({ signal: path, protobuf: Buffer.from(serializer.serializeRequest(data)).toString('base64') });
		send(data, (result) => {
			if (result.code !== 0)
				failures.push(`${path}: ${result.error}`);
			done(result);
		});
	};
	return made;
}

const resource = resourceFromAttributes({
	'service.name': 'peer', 'service.instance.id': 'node-1', 'peer.ready': true, 'peer.cores': 2, 'peer.load': 0.25,
	'peer.tags': ['a', 'ä€😀', ''],
});

/* Trees of four spans: a root with a child, which has two. */
function makeSpans(provider) {
	const tracer = provider.getTracer('peer.spans', '1.2.3', { schemaUrl: 'https://example.org/scope/1.0' });
	const kinds = [SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER];
	const remote = {
		traceId: '0123456789abcdef0123456789abcdef', spanId: '0123456789abcdef', isRemote: true,
		traceFlags: TraceFlags.SAMPLED, traceState: createTraceState('vendor=value,other=x'),
	};
	let made = 0;
	for (; made < count; made += 4) {
		const around = made % 8 ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote);
		const root = tracer.startSpan(`root ${made}`, {
			kind: kinds[(made / 4) % kinds.length], attributes: { number: made, ...ATTRIBUTES },
			links: [{ context: remote, attributes: { link: made, texts: ['l'] } }],
		}, around);
		root.addEvent('begun', { event: made, ...ATTRIBUTES }, Date.now() - 1);
		root.addEvent('bare');
		root.setStatus({ code: SpanStatusCode.OK });
		const inRoot = trace.setSpan(around, root);
		const child = tracer.startSpan(`child ${made}`, { attributes: { number: made + 1 } }, inRoot);
		child.setStatus({ code: SpanStatusCode.ERROR, message: 'it did not work' });
		child.recordException(new Error('no such thing'));
		for (let leaf = 0; leaf < 2; leaf++)
			tracer.startSpan(`leaf ${leaf}`, { kind: kinds[leaf], attributes: { number: made + 2 + leaf } },
				trace.setSpan(inRoot, child)).end();
		child.end();
		root.end();
	}
	return made;
}

function makeLogs(provider, silent) {
	const logger = provider.getLogger('peer.logs', '2.0', { schemaUrl: 'https://example.org/scope/2.0' });
	const bodies = ['a text', '', 42, -1.5, true, { map: NESTED }, [1, 'a', { b: [2] }], new Uint8Array([0, 255]),
		undefined];
	const tracer = silent.getTracer('peer.context');
	for (let number = 0; number < count; number++) {
		const severityNumber = 1 + (number % 24);
		logger.emit({
			timestamp: Date.now(), observedTimestamp: Date.now() + 5, severityNumber,
			severityText: SeverityNumber[severityNumber], body: bodies[number % bodies.length],
			eventName: number % 3 ? undefined : 'thing.happened', attributes: { number, ...ATTRIBUTES, ...NESTED },
			context: number % 2 ? trace.setSpan(ROOT_CONTEXT, tracer.startSpan('around')) : ROOT_CONTEXT,
		});
	}
	return count;
}

/* `count` series of every instrument; the data points of one collection. */
function makePoints(provider) {
	const meter = provider.getMeter('peer.metrics', '3.0', { schemaUrl: 'https://example.org/scope/3.0' });
	const series = Array.from({ length: count }, (_, number) => (
		{ number, text: 'ä€😀', yes: true, half: 0.5, texts: ['a', 'b'] }));
	const counter = meter.createCounter('peer.counter', { unit: '{call}', description: 'calls', valueType: 0 });
	const doubles = meter.createCounter('peer.counter.double', { unit: 's', description: 'time spent' });
	const upDown = meter.createUpDownCounter('peer.updown', { unit: 'By', description: 'bytes held', valueType: 0 });
	const gauge = meter.createGauge('peer.gauge', { unit: 'Cel', description: 'temperature' });
	const explicit = meter.createHistogram('peer.explicit', { unit: 'ms', description: 'durations' });
	const bounded = meter.createHistogram('peer.bounded', { unit: '1', description: 'with one bound' });
	const exponential = meter.createHistogram('peer.exponential', { unit: 's', description: 'durations' });
	meter.createObservableCounter('peer.observed.counter').addCallback(
		(result) => series.forEach((attributes, i) => result.observe(7 + i, attributes)));
	meter.createObservableUpDownCounter('peer.observed.updown').addCallback(
		(result) => series.forEach((attributes) => result.observe(-3, attributes)));
	meter.createObservableGauge('peer.observed.gauge', { unit: '%', description: 'share' }).addCallback(
		(result) => series.forEach((attributes) => result.observe(0.25, attributes)));
	series.forEach((attributes, number) => {
		counter.add(2 ** 40 + number, attributes);
		doubles.add(0.125, attributes);
		upDown.add(-number, attributes);
		gauge.record(-1.5 * (number + 1), attributes);     // its JSON loses the sign of -0
		bounded.record(number, attributes);
		for (let step = 0; step < 20; step++) {
			explicit.record(step * 97.5, attributes);
			exponential.record(1.7 ** step / 1000, attributes);
		}
		exponential.record(0, attributes);
	});
	return 10 * count;
}

const ofSpans = await exporter('trace', 'OTLPTraceExporter', 'traces', ProtobufTraceSerializer);
const ofLogs = await exporter('logs', 'OTLPLogExporter', 'logs', ProtobufLogsSerializer);
const ofMetrics = await exporter('metrics', 'OTLPMetricExporter', 'metrics', ProtobufMetricsSerializer);
const spans = new TracerProvider({ resource, spanProcessors: [new BatchSpanProcessor({ exporter: ofSpans })] });
const silent = new TracerProvider({});                     // its spans are only the context of logs
const logs = new LoggerProvider({ resource, processors: [new BatchLogRecordProcessor({ exporter: ofLogs })] });
const reader = new PeriodicExportingMetricReader({ exporter: ofMetrics, exportIntervalMillis: 3600e3 });
const short = { type: AggregationType.EXPONENTIAL_HISTOGRAM, options: { maxSize: 40 } };
const single = { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM, options: { boundaries: [2] } };
const metrics = new MeterProvider({ resource, readers: [reader], views: [
	{ instrumentName: 'peer.exponential', aggregation: short }, { instrumentName: 'peer.bounded', aggregation: single },
] });

const made = { spans: makeSpans(spans), logs: makeLogs(logs, silent), points: FLUSHES * makePoints(metrics) };
for (let flush = 0; flush < FLUSHES; flush++)
	await metrics.forceFlush();
await spans.shutdown();
await logs.shutdown();
console.log(JSON.stringify({ ...made, failures, requests }));
process.exit(failures.length ? 1 : 0);
