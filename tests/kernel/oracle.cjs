// An outside opinion: npm's sms-segments-calculator, asked over stdin and stdout about a JSON list of texts.

const { readFileSync } = require("node:fs");
const { SegmentedMessage } = require("sms-segments-calculator");

const opinion = (text) => {
  const message = new SegmentedMessage(text);
  const bitsPerUnit = message.encodingName === "GSM-7" ? 7 : 16;
  return {
    encoding: message.encodingName,
    units: message.messageSize / bitsPerUnit,
    segments: message.segmentsCount,
    // It never cuts a grapheme, we never cut a character: where these are the same, answers must be too.
    whole: message.graphemes.length === message.numberOfUnicodeScalars,
  };
};

const texts = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(texts.map(opinion)));
