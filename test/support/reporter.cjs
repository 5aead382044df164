'use strict';

const { reporters } = require('mocha');

/** The spec reporter, closing with one line a person and a script can read: `N passed, N failed[, N skipped]`. */
module.exports = class ClosingLine extends reporters.Spec {
  epilogue() {
    super.epilogue();
    const { passes, failures, pending } = this.stats;
    const skipped = pending > 0 ? `, ${pending} skipped` : '';
    process.stdout.write(`${passes} passed, ${failures} failed${skipped}\n`);
  }
};
