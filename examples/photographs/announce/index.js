// Wakes when a thumbnail is ready: tells everyone who subscribed to the topic.
'use strict';

const { publish } = require('./sns');

exports.handler = function (event, context) {
  const { photograph, thumbnail, bucket, width, height } = event.detail;
  const message = JSON.stringify({
    text: `${photograph} (${width}x${height}) has a thumbnail: ${thumbnail}`,
    bucket,
    thumbnail,
  });
  publish(process.env.TOPIC, 'A thumbnail is ready', message, function (error) {
    if (error) {
      return context.done(error);
    }
    console.log('announced', thumbnail);
    context.done(null, { announced: thumbnail });
  });
};
