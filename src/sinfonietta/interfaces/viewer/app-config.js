// The viewer's configuration, and what its start page set by inline scripts.
//
// The page's address names the scope: /viewer/collections/ID/viewer?StudyInstanceUIDs=... works on the DICOMweb root
// /dicomweb/collections/ID, so that a link means exactly one set; /viewer/viewer?... works on all that one may read.
// Files of the viewer itself always come from /viewer/.
window.PUBLIC_URL = '/viewer/';

function browserImportFunction(name) {
  return import(name);
}

(() => {
  const scope = /^\/viewer\/((?:collections|folders|runs)\/[0-9a-f-]{36})\//.exec(window.location.pathname);
  const root = scope ? `/dicomweb/${scope[1]}` : '/dicomweb';

  // OHIF shows the message of a failed request; the server says what was wrong in a Warning (STOW-RS) or a problem.
  function explain(error) {
    const warning = /^299 \S+ "(.*)"$/.exec(error.request.getResponseHeader('Warning') || '');
    if (warning) {
      error.message = warning[1];
    } else if (/problem\+json/.test(error.request.getResponseHeader('Content-Type') || '')) {
      const said = error.response instanceof ArrayBuffer ? new TextDecoder().decode(error.response) : error.response;
      const problem = typeof said === 'string' ? JSON.parse(said) : said;
      error.message = problem.detail || problem.title;
    }
  }

  window.config = {
    name: 'sinfonietta',
    routerBasename: scope ? scope[0] : window.PUBLIC_URL,
    extensions: [],
    modes: [],
    customizationService: [
      {
        // A tour of eleven steps would cover the first image.
        'ohif.tours': { $set: [] },
        // What was opened, not everything that carries the same patient id.
        'studyBrowser.studyMode': { $set: 'primary' },
      },
    ],
    showStudyList: false,
    showWarningMessageForCrossOrigin: false,
    showCPUFallbackMessage: true,
    showLoadingIndicator: true,
    strictZSpacingForVolumeViewport: true,
    // Our own notice stands on the page all the time (notice.css).
    investigationalUseDialog: { option: 'never' },
    httpErrorHandler: explain,
    maxNumberOfWebWorkers: 3,
    maxNumRequests: { interaction: 20, thumbnail: 5, prefetch: 10 },
    whiteLabeling: {
      createLogoComponentFn: React =>
        React.createElement('a', { href: '/', title: 'Back to the repository', className: 'sinfonietta-logo' }, 'Sinfonietta'),
    },
    defaultDataSourceName: 'sinfonietta',
    dataSources: [
      {
        namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
        sourceName: 'sinfonietta',
        configuration: {
          friendlyName: 'Sinfonietta',
          name: 'sinfonietta',
          qidoRoot: root,
          wadoRoot: root,
          wadoUriRoot: root,
          imageRendering: 'wadors',
          thumbnailRendering: 'wadors',
          enableStudyLazyLoad: true,
          qidoSupportsIncludeField: true,
          supportsFuzzyMatching: false,
          supportsWildcard: true,
          singlepart: 'bulkdata,video,pdf',
          bulkDataURI: { enabled: true },
          omitQuotationForMultipartRequest: true,
          dicomUploadEnabled: false,
        },
      },
    ],
  };
})();
