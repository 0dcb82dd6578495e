import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { call, HttpConnection, parseHead, postRequest, requestRate, responseTimes } from './http-client.js';

let server: Server;
let url: URL;
let status: number;
beforeEach(async () => {
  status = 200;
  server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      const body = 'x'.repeat(200_000);
      response.writeHead(status, { 'Content-Length': body.length }).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

describe('the lean HTTP client', () => {
  it('sends many requests on one connection and takes replies that come in pieces', async () => {
    const connection = await HttpConnection.open(url);
    const request = postRequest(url, '/', { Authorization: 'x' }, '{"ü":1}');
    expect((await call(connection, request)).length).toBe(200_000);
    expect(await responseTimes(connection, request, 5)).toHaveLength(5);
    const { perSecond, count } = await requestRate([connection], request, 50);
    expect(count).toBeGreaterThan(0);
    expect(perSecond).toBeGreaterThan(0);
    connection.close();
  });

  it('rejects another status than 200', async () => {
    const connection = await HttpConnection.open(url);
    status = 502;
    const request = postRequest(url, '/', {}, '{}');
    await expect(call(connection, request)).rejects.toThrow('answered 502: xxx');
    await expect(responseTimes(connection, request, 1)).rejects.toThrow('502');
    await expect(requestRate([connection], request, 1)).rejects.toThrow('502');
    connection.close();
  });

  it('finds where a reply ends', () => {
    const reply = Buffer.from('HTTP/1.1 202 Accepted\r\nX: y\r\ncontent-length: 3\r\n\r\nabcHTTP');
    expect(parseHead(reply)).toEqual({ status: 202, bodyAt: reply.indexOf('abc'), end: reply.indexOf('HTTP', 10) });
    expect(parseHead(Buffer.from('HTTP/1.1 200 OK\r\n'))).toBeUndefined();
    expect(() => parseHead(Buffer.from('HTTP/1.1 200 OK\r\nA: b\r\n\r\n'))).toThrow('no Content-Length');
  });
});
