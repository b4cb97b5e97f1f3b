// One signed Publish with nothing but Node.js itself, so that the example needs no package from anywhere.
'use strict';

const crypto = require('crypto');
const http = require('http');

const hash = (text) => crypto.createHash('sha256').update(text).digest('hex');
const hmac = (key, text) => crypto.createHmac('sha256', key).update(text).digest();

exports.publish = function (topic, subject, message, done) {
  const url = new URL(process.env.AWS_ENDPOINT_URL);
  const form = { Action: 'Publish', Version: '2010-03-31', TopicArn: topic, Subject: subject, Message: message };
  const body = new URLSearchParams(form).toString();
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    host: url.host,
    'x-amz-date': time,
    'x-amz-security-token': process.env.AWS_SESSION_TOKEN,
  };

  const names = Object.keys(headers).sort();
  const canonical = names.map((name) => `${name}:${headers[name]}\n`).join('');
  const signed = names.join(';');
  const scope = `${time.slice(0, 8)}/${process.env.AWS_REGION}/sns/aws4_request`;
  const request = `POST\n/\n\n${canonical}\n${signed}\n${hash(body)}`;
  const parts = [time.slice(0, 8), process.env.AWS_REGION, 'sns', 'aws4_request'];
  const key = parts.reduce(hmac, `AWS4${process.env.AWS_SECRET_ACCESS_KEY}`);
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${hash(request)}`).toString('hex');
  headers.authorization =
    `AWS4-HMAC-SHA256 Credential=${process.env.AWS_ACCESS_KEY_ID}/${scope}, ` +
    `SignedHeaders=${signed}, Signature=${signature}`;

  http
    .request(url, { method: 'POST', headers }, function (response) {
      let answer = '';
      response.on('data', (piece) => (answer += piece));
      response.on('end', () => done(response.statusCode === 200 ? null : new Error(answer)));
    })
    .on('error', done)
    .end(body);
};
