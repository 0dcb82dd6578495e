'use strict';

const composer = require('openwhisk-composer');

module.exports = composer.sequence('wordcount-split-list', composer.map('wordcount-count'), 'wordcount-merge');
