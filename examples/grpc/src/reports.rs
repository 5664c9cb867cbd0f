//! The service: who calls is in the request.

use std::pin::Pin;

use clerk_machine_auth::grpc::RequestExt as _;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use crate::proto::{
    DeleteReply, DeleteRequest, ReadReply, ReadRequest, WhoAmIReply, WhoAmIRequest, reports_server,
};

#[derive(Debug)]
pub(crate) struct Reports;

const MONTHS: [&str; 2] = ["2026-10", "2026-11"];

#[tonic::async_trait]
impl reports_server::Reports for Reports {
    async fn who_am_i(
        &self,
        request: Request<WhoAmIRequest>,
    ) -> Result<Response<WhoAmIReply>, Status> {
        let auth = request.machine_auth()?;
        Ok(Response::new(WhoAmIReply {
            subject: auth.subject().to_owned(),
            token_type: auth.token_type().to_string(),
            scopes: auth.granted_scopes().iter().map(str::to_owned).collect(),
        }))
    }

    async fn delete(
        &self,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteReply>, Status> {
        // What is needed may show in the message only: the current month takes more than the scope
        // that the layer asks for.
        let auth = if request.get_ref().month == MONTHS[1] {
            request.require_scopes(["reports:admin"])?
        } else {
            request.machine_auth()?
        };
        Ok(Response::new(DeleteReply {
            deleted_by: auth.subject().to_owned(),
        }))
    }

    type ReadStream = Pin<Box<dyn Stream<Item = Result<ReadReply, Status>> + Send>>;

    async fn read(&self, _: Request<ReadRequest>) -> Result<Response<Self::ReadStream>, Status> {
        let month = |month: &str| {
            Ok(ReadReply {
                month: month.to_owned(),
            })
        };
        let months = tokio_stream::iter(MONTHS.map(month));
        Ok(Response::new(Box::pin(months)))
    }
}
